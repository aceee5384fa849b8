#include "clock.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

enum { TICKS_PER_US = 2 };

static const uint16_t LONGEST_STEP = 0x8000;

static volatile uint32_t overflows;
static void (*alarm_call)(void);
static uint32_t period_ticks;
static uint32_t left_ticks;

void clock_begin(void) {
    TCCR1A = 0;
    TCCR1B = _BV(CS11); /* 16 MHz / 8 */
    TIMSK1 = _BV(TOIE1);
}

ISR(TIMER1_OVF_vect) {
    overflows++;
}

uint32_t clock_now_us(void) {
    uint32_t high;
    uint16_t low;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        low = TCNT1;
        high = overflows;
        if ((TIFR1 & _BV(TOV1)) && low < LONGEST_STEP) {
            high++; /* it overflowed since interrupts are off */
        }
    }
    return (high << 15) | (low / TICKS_PER_US);
}

/* The next stop on the way to the alarm: far ones take several. */
static void step(void) {
    uint16_t ticks = left_ticks > LONGEST_STEP ? LONGEST_STEP / 2 : (uint16_t)left_ticks;
    left_ticks -= ticks;
    OCR1A += ticks;
}

ISR(TIMER1_COMPA_vect) {
    if (left_ticks == 0) {
        left_ticks = period_ticks;
        step();
        alarm_call();
    } else {
        step();
    }
}

void clock_start(uint32_t period_us, void (*alarm)(void)) {
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        alarm_call = alarm;
        period_ticks = period_us * TICKS_PER_US;
        left_ticks = period_ticks;
        OCR1A = TCNT1;
        step();
        TIFR1 = _BV(OCF1A);
        TIMSK1 |= _BV(OCIE1A);
    }
}

void clock_stop(void) {
    TIMSK1 &= (uint8_t)~_BV(OCIE1A);
}
