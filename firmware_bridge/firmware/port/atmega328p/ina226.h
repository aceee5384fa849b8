/* Texas Instruments INA226 (SBOS547): shunt 2.5 µV and bus 1.25 mV a step, converting all the time.
 *
 * Both registers are updated together when a round of shunt and bus conversions, averaged, is complete. */
#ifndef CIRCADIA_INA226_H
#define CIRCADIA_INA226_H

#include <stdbool.h>
#include <stdint.h>

enum { INA226_ADDRESS = 0x40, INA226_SHUNT = 1, INA226_BUS = 2, INA226_ID = 0xFE };
enum { INA226_MANUFACTURER = 0x5449 };
enum { INA226_SHUNT_NV = 2500, INA226_BUS_UV = 1250 };

/* Convert for as much of `period_us` as the slowest chip can; false if there is no INA226. */
bool ina226_begin(uint32_t period_us);

/* Typical length of a round of conversions. */
uint32_t ina226_round_us(void);

#endif
