//! Deliveries and revocations over real HTTP: to receivers on loopback and to the sandbox provider.

mod delivery;
mod delivery_worker;
mod receiver;
mod rotation;
mod silence;
mod world;
