"""Wrong implementations and other right ones, one module per lesson: what the catalogue proves its checks with."""
