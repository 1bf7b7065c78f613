"""Members for tests: an admin, and one of each other role in the Channel `shop`."""

from collections.abc import Mapping

MEMBERS = """
apiVersion: ums/v1
kind: Member
name: root
email: root@ops.example
roles: [{role: admin}]
---
apiVersion: ums/v1
kind: Member
name: lin
title: Lin
email: Lin@shop.example
roles: [{role: operator, channels: [shop]}, {role: viewer, channels: [ops]}]
---
apiVersion: ums/v1
kind: Member
name: chen
email: chen@shop.example
roles: [{role: auditor, channels: [shop]}]
---
apiVersion: ums/v1
kind: Member
name: vera
email: vera@shop.example
roles: [{role: viewer, channels: [shop]}]
---
apiVersion: ums/v1
kind: Member
name: gone
email: gone@shop.example
enabled: false
roles: [{role: admin}]
"""

LOGINS: Mapping[str, str] = {"admin": "root", "operator": "lin", "auditor": "chen", "viewer": "vera"}
"""By role."""
