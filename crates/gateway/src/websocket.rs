//! A WebSocket after its upgrade: frames checked, bytes passed on in both directions.
