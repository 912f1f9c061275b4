"""The HTTP service: Label Studio's ML backend protocol over the inspection engine."""
