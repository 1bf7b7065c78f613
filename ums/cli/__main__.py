from ums.cli import main

main()
