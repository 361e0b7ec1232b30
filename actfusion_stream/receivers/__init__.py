"""Where events go beside files: brokers, webhooks, sockets."""
