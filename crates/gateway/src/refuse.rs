//! What the caller sees of a refusal: a status and an id.
