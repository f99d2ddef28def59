"""GraphQL over our own schema: built, limited, executed."""
