pytest_plugins = ["autograde.nbval_guard"]
