"""Wrong implementations and other right ones, one package per lesson: what the catalogue proves its checks with."""
