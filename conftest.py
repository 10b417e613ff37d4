pytest_plugins = ["autograde.author.nbval_guard"]
