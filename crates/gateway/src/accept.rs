//! Listening sockets, connection caps, and which protocol a connection speaks.
