//! What Momoland does, seen from outside: real processes, over stdio, sockets and signals.
//!
//! One module a subject. A scenario that stands for a fault which people met elsewhere names it: `C40`.

mod chat;
