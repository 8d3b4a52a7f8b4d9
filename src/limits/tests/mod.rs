//! Isolates and a meter in one room: who may spend, and who asks when.

mod leases;
mod rates;
mod room;
