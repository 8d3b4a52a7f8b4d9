//! Isolates and a meter in one room: who may spend, and who asks when.

mod room;
mod leases;
mod rates;
