#include "twi.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/delay.h>
#include <util/twi.h>

enum { LONGEST_STOP = 100 };

static struct transfer *current;
static uint8_t left;
static uint8_t at;      /* bytes of this half of the transfer that are done */
static bool reading;    /* which half */
static void (*done_call)(bool ok);
static volatile bool busy;

static void go(uint8_t bits) {
    TWCR = (uint8_t)(_BV(TWINT) | _BV(TWEN) | _BV(TWIE) | bits);
}

static void begin_half(bool to_read) {
    at = 0;
    reading = to_read;
    go(_BV(TWSTA));
}

static void finish(bool ok) {
    TWCR = _BV(TWINT) | _BV(TWEN) | _BV(TWSTO);
    busy = false;
    if (done_call) {
        done_call(ok);
    }
}

static void next_transfer(void) {
    if (--left == 0) {
        finish(true);
    } else {
        current++;
        begin_half(false);
    }
}

static void written(void) {
    if (at < current->out) {
        TWDR = current->out_bytes[at++];
        go(0);
    } else if (current->in > 0) {
        begin_half(true);
    } else {
        next_transfer();
    }
}

/* All but the last byte are acknowledged. */
static void read_on(void) {
    go(at + 1 < current->in ? _BV(TWEA) : 0);
}

ISR(TWI_vect) {
    switch (TW_STATUS) {
        case TW_START:
        case TW_REP_START:
            TWDR = (uint8_t)((current->address << 1) | (reading ? TW_READ : TW_WRITE));
            go(0);
            break;
        case TW_MT_SLA_ACK:
        case TW_MT_DATA_ACK:
            written();
            break;
        case TW_MR_SLA_ACK:
            read_on();
            break;
        case TW_MR_DATA_ACK:
            current->in_bytes[at++] = TWDR;
            read_on();
            break;
        case TW_MR_DATA_NACK:
            current->in_bytes[at] = TWDR;
            next_transfer();
            break;
        default: /* not acknowledged, arbitration lost or a bus error */
            finish(false);
    }
}

void twi_begin(void) {
    TWSR = 0;
    TWBR = (F_CPU / 400000 - 16) / 2;
    TWCR = _BV(TWEN);
}

void twi_run(struct transfer *transfers, uint8_t count, void (*done)(bool ok)) {
    current = transfers;
    left = count;
    done_call = done;
    busy = true;
    for (uint8_t i = 0; (TWCR & _BV(TWSTO)) && i < LONGEST_STOP; i++) {
        /* the last transfer's stop is still on the bus, for 5 µs at most */
    }
    begin_half(false);
}

bool twi_busy(void) {
    return busy;
}

void twi_reset(void) {
    TWCR = 0;
    busy = false;
    twi_begin();
}

static volatile bool wait_ok;

static void waited(bool ok) {
    wait_ok = ok;
}

bool twi_wait(struct transfer *transfers, uint8_t count) {
    enum { LONGEST_WAIT_MS = 10 };
    twi_run(transfers, count, waited);
    for (uint16_t i = 0; busy; i++) {
        if (i == LONGEST_WAIT_MS * 100) {
            twi_reset();
            return false;
        }
        _delay_us(10);
    }
    return wait_ok;
}
