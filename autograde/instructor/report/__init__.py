"""What a class did: pages, tables, exports for gradebooks."""
