/* The two-wire bus at 400 kHz, driven by its interrupt. */
#ifndef CIRCADIA_TWI_H
#define CIRCADIA_TWI_H

#include <stdbool.h>
#include <stdint.h>

/* A job: write `out` bytes, then read `in` bytes after a repeated start. */
struct transfer {
    uint8_t address; /* 7 bits */
    uint8_t out_bytes[3];
    uint8_t out;
    uint8_t in;
    uint8_t in_bytes[2];
};

void twi_begin(void);

/* Run `transfers` one after the other, then call `done` from the interrupt; `ok` is false if one was not answered. */
void twi_run(struct transfer *transfers, uint8_t count, void (*done)(bool ok));

bool twi_busy(void);

/* Let go of a bus that hangs. */
void twi_reset(void);

/* As `twi_run`, and wait for its end. */
bool twi_wait(struct transfer *transfers, uint8_t count);

#endif
