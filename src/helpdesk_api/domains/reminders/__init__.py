"""Being told of a ticket again at a set time, without changing it."""
