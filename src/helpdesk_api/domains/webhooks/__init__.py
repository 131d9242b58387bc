"""Events sent to other systems as they happen: signed, retried, in order where that is asked for."""
