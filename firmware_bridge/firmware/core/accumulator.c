#include "accumulator.h"

void accumulator_add(struct accumulator *sums, int16_t shunt, uint16_t bus, uint32_t dt_us) {
    int32_t power = (int32_t)shunt * (int32_t)bus;
    sums->charge += (int64_t)shunt * (int64_t)dt_us;
    sums->voltage_time += (int64_t)bus * (int64_t)dt_us;
    sums->energy += (int64_t)power * (int64_t)dt_us;
}
