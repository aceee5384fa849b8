/* Arduino Nano or Uno (ATmega328P, 16 MHz) with an INA226 on A4 (SDA) and A5 (SCL); sync output D8, sync input D2. */
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <string.h>
#include <util/atomic.h>
#include <util/delay.h>

#include "clock.h"
#include "crc32.h"
#include "ina226.h"
#include "meter.h"
#include "twi.h"
#include "uart.h"

enum { QUEUE = 16, STUCK = 20, FASTEST_US = 344, READ_AFTER_US = 60, LONGEST_READ = 100 };

static struct meter meter;

/* ---- samples: the alarm starts a transfer, its end puts a sample on the queue ---- */

static volatile struct sample queue[QUEUE];
static volatile uint8_t queue_head;
static uint8_t queue_tail;
static volatile uint16_t late;
static volatile bool due; /* an alarm came while a transfer ran: the next one follows it at once */
static uint8_t stuck;
static uint32_t sampled_us;
static struct transfer reads[2] = {
    {.address = INA226_ADDRESS, .out_bytes = {INA226_SHUNT}, .out = 1, .in = 2},
    {.address = INA226_ADDRESS, .out_bytes = {INA226_BUS}, .out = 1, .in = 2},
};

static void push(const struct sample *sample) {
    if ((uint8_t)(queue_head - queue_tail) == QUEUE) {
        late++;
        return;
    }
    queue[queue_head % QUEUE] = *sample;
    queue_head++;
}

static uint16_t word_of(const struct transfer *transfer) {
    return (uint16_t)((transfer->in_bytes[0] << 8) | transfer->in_bytes[1]);
}

static void read_done(bool ok);

static void read_now(void) {
    stuck = 0;
    sampled_us = clock_now_us();
    twi_run(reads, 2, read_done);
}

static void read_done(bool ok) {
    struct sample sample = {.t_us = sampled_us, .flags = SAMPLE_FAILED};
    if (ok) {
        sample.shunt = (int16_t)word_of(&reads[0]);
        sample.bus = word_of(&reads[1]);
        sample.flags = sample.shunt == INT16_MAX || sample.shunt == INT16_MIN ? SAMPLE_SATURATED : 0;
    }
    push(&sample);
    if (due) {
        due = false;
        read_now();
    }
}

static void sample_now(void) {
    if (!twi_busy()) {
        read_now();
    } else if (!due) {
        due = true;
    } else {
        late++;
        if (++stuck == STUCK) {
            twi_reset();
            read_done(false);
        }
    }
}

bool port_start(uint32_t period_us) {
    if (!ina226_begin(period_us)) {
        return false;
    }
    queue_tail = queue_head;
    due = false;
    clock_start(period_us, sample_now);
    return true;
}

void port_stop(void) {
    clock_stop();
    due = false;
    for (uint8_t i = 0; twi_busy() && i < LONGEST_READ; i++) {
        _delay_us(10);
    }
    if (twi_busy()) {
        twi_reset();
    }
}

bool port_next_sample(struct sample *sample) {
    if (queue_tail == queue_head) {
        return false;
    }
    *sample = queue[queue_tail % QUEUE];
    queue_tail++;
    return true;
}

uint16_t port_late(void) {
    uint16_t value;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        value = late;
    }
    return value;
}

struct sensor port_sensor(void) {
    uint32_t round_us = ina226_round_us();
    return (struct sensor){
        .board = "atmega328p ina226",
        .shunt_step_nv = INA226_SHUNT_NV,
        .bus_step_uv = INA226_BUS_UV,
        .fastest_us = FASTEST_US,
        /* half a round since the last update, half a round to its middle, and the bus conversion at its end */
        .lag_us = round_us + 70 - READ_AFTER_US,
        .range = 0,
        .ranges = 1,
    };
}

bool port_set_range(uint8_t range) {
    return range == 0;
}

/* ---- what survives a power cut ---- */

struct stored {
    struct settings settings;
    uint32_t check;
};

static struct stored EEMEM stored_settings;
static uint32_t EEMEM stored_boot = 0;

uint32_t port_boot_id(void) {
    static uint32_t boot;
    if (boot == 0) {
        boot = eeprom_read_dword(&stored_boot) + 1;
        boot += boot == 0; /* 0 after a blank memory's 0xFFFFFFFF */
        eeprom_update_dword(&stored_boot, boot);
    }
    return boot;
}

bool port_load_settings(struct settings *settings) {
    struct stored stored;
    eeprom_read_block(&stored, &stored_settings, sizeof stored);
    *settings = stored.settings;
    return stored.check == crc32((const uint8_t *)&stored.settings, sizeof stored.settings);
}

void port_save_settings(const struct settings *settings) {
    struct stored stored;
    memset(&stored, 0, sizeof stored);
    stored.settings = *settings;
    stored.check = crc32((const uint8_t *)&stored.settings, sizeof stored.settings);
    eeprom_update_block(&stored, &stored_settings, sizeof stored);
}

/* ---- sync lines ---- */

static volatile bool edge_waits;
static volatile bool edge_level;
static volatile uint32_t edge_us;

ISR(INT0_vect) {
    edge_us = clock_now_us();
    edge_level = PIND & _BV(PD2);
    edge_waits = true;
}

bool port_next_edge(uint32_t *t_us, bool *level) {
    if (!edge_waits) {
        return false;
    }
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        *t_us = edge_us;
        *level = edge_level;
        edge_waits = false;
    }
    return true;
}

uint32_t port_pulse(bool *level) {
    uint32_t t_us;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        PINB = _BV(PB0); /* writing a one turns the output over */
        t_us = clock_now_us();
    }
    *level = PINB & _BV(PB0);
    return t_us;
}

static void sync_begin(void) {
    DDRB |= _BV(PB0);
    PORTD |= _BV(PD2);  /* pulled up, or an open input would see edges of its own */
    EICRA = _BV(ISC00); /* any edge of D2 */
    EIMSK = _BV(INT0);
}

/* ---- the rest ---- */

uint32_t port_now_us(void) {
    return clock_now_us();
}

bool port_receive(uint8_t *byte, uint32_t *t_us) {
    return uart_receive(byte, t_us);
}

void port_transmit(void) {
    uart_transmit();
}

/* Until the next interrupt, unless one has left something to do: between sei and sleep none can come. */
static void rest(void) {
    cli();
    if (queue_tail == queue_head && !edge_waits && !uart_waits()) {
        sleep_enable();
        sei();
        sleep_cpu();
        sleep_disable();
    }
    sei();
}

int main(void) {
    set_sleep_mode(SLEEP_MODE_IDLE);
    clock_begin();
    twi_begin();
    sync_begin();
    uart_begin(&meter.ring);
    sei();
    meter_begin(&meter);
    for (;;) {
        meter_step(&meter);
        rest();
    }
}
