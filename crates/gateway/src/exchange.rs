//! One exchange, whatever protocol it came in: engine, upstream, response, event.
