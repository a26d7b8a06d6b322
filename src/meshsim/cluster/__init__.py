"""Room cluster (floor 5): the facade. Machines, hosts, collections, and the cluster that holds them."""
