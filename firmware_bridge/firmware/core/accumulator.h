/* Running sums of everything that was sampled since the boot, in raw units, exact:
 *
 *     charge       Σ shunt · Δt          steps of the shunt register × µs
 *     voltage_time Σ bus · Δt            steps of the bus register × µs
 *     energy       Σ shunt · bus · Δt    the product of both × µs
 *
 * A sample stands for the time since the one before it. Zero offset, gain and the shunt's resistance are the host's
 * business: all three enter linearly, so nothing is lost by applying them later. At full scale `energy` wraps after
 * 2⁶³ / 2³⁰ µs = 2.4 h; the host takes differences modulo 2⁶⁴ of frames less than 71 minutes apart. */
#ifndef CIRCADIA_ACCUMULATOR_H
#define CIRCADIA_ACCUMULATOR_H

#include <stdint.h>

struct accumulator {
    int64_t charge;
    int64_t voltage_time;
    int64_t energy;
};

void accumulator_add(struct accumulator *sums, int16_t shunt, uint16_t bus, uint32_t dt_us);

#endif
