"""HTTP beside GraphQL: where providers, readers, browsers and other systems come in, each door with its routes."""
