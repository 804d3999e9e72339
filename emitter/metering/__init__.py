"""What the agents' work takes in tokens and costs in US dollars: told, priced, counted, kept within budgets."""
