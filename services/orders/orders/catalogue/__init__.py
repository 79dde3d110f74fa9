"""What orders knows of products: one row a SKU, fed by catalog's events, so that carts work while catalog is down."""
