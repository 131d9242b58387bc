"""When a requester may expect the solution: by the promise, and by how long such things have taken of late."""
