/* Timer 1 at 2 MHz: the meter's 32-bit µs, and an alarm at exact intervals. */
#ifndef CIRCADIA_CLOCK_H
#define CIRCADIA_CLOCK_H

#include <stdint.h>

void clock_begin(void);

/* Also from interrupts. */
uint32_t clock_now_us(void);

/* Call `alarm`, from the interrupt, every `period_us`. */
void clock_start(uint32_t period_us, void (*alarm)(void));
void clock_stop(void);

#endif
