/* Everything that a microcontroller has to bring: one folder under port/ implements this header.
 *
 * Times are µs of one free-running 32-bit clock that wraps after 71.6 minutes. Only the functions marked so are called
 * from interrupts by the ports themselves; the core runs in the main loop. */
#ifndef CIRCADIA_PORT_H
#define CIRCADIA_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* What a meter's owner sets once; kept where it survives a power cut. */
struct settings {
    uint32_t device_id;   /* 0 until somebody names the meter */
    uint32_t shunt_uohm;  /* 0 until it is calibrated */
    int32_t offset_q16;   /* zero offset of the shunt register, 1/65536 steps */
    int32_t gain_ppm;     /* to add to the nominal gain */
};

/* What the sensor behind this port is. */
struct sensor {
    const char *board;       /* ASCII, at most 24 bytes */
    uint32_t shunt_step_nv;  /* of the shunt register, in the present range */
    uint32_t bus_step_uv;    /* of the bus register */
    uint32_t fastest_us;     /* the shortest period that loses no conversion */
    uint32_t lag_us;         /* how long before it is read a value was true, on average */
    uint8_t range;           /* the present one … */
    uint8_t ranges;          /* … of so many */
};

enum sample_flag {
    SAMPLE_SATURATED = 0x01, /* the register stood at its end */
    SAMPLE_FAILED = 0x02,    /* the sensor did not answer; values are not valid */
};

struct sample {
    uint32_t t_us;
    int16_t shunt;
    uint16_t bus;
    uint8_t flags;
};

uint32_t port_now_us(void);

/* A count of boots, which survives power cuts: it tells a reboot from a silence. */
uint32_t port_boot_id(void);

bool port_load_settings(struct settings *settings);
void port_save_settings(const struct settings *settings);

struct sensor port_sensor(void);

/* Begin to sample every `period_us`; false if the sensor does not answer. */
bool port_start(uint32_t period_us);
void port_stop(void);

/* False if there is no such range. */
bool port_set_range(uint8_t range);

/* The next sample that was taken, oldest first; false if there is none. */
bool port_next_sample(struct sample *sample);

/* Samples that were due and not taken since the boot, because the one before was not done. */
uint16_t port_late(void);

/* The next byte from the host and the time at which it arrived; false if there is none. */
bool port_receive(uint8_t *byte, uint32_t *t_us);

/* There is something in the transmit ring. */
void port_transmit(void);

/* Turn the sync output over; the time of the edge. */
uint32_t port_pulse(bool *level);

/* The next edge on the sync input; false if there is none. */
bool port_next_edge(uint32_t *t_us, bool *level);

#endif
