/* A register-level INA226 on a simulated two-wire bus.
 *
 * It converts shunt and bus in turn, averages as configured, and updates both registers when a round is complete, as
 * the data sheet (SBOS547, 7.3 and 7.4) says. Its errors are those of a real part: offset, gain, noise of the shunt
 * input, and an oscillator of its own. */
#ifndef CIRCADIA_INA226_MODEL_H
#define CIRCADIA_INA226_MODEL_H

#include <stdint.h>

#include "load.h"
#include "sim_avr.h"
#include "sim_irq.h"

struct ina226_errors {
    double shunt_ohm;
    double offset_v;   /* of the shunt input */
    double gain;       /* 0.001: reads 0.1 % too much */
    double noise_v;    /* standard deviation of one 140 µs shunt conversion */
    double oscillator; /* 0.05: converts 5 % slower */
};

struct ina226_model {
    struct avr_t *avr;
    avr_irq_t *irq;
    const struct load *load;
    struct ina226_errors errors;
    double s_per_cycle;
    int absent; /* does not answer */

    uint8_t selected;
    uint8_t pointer;
    uint8_t written; /* bytes since the address */
    uint16_t incoming;
    uint8_t low_next; /* which half of the register is read next */
    uint16_t latched;

    uint16_t configuration;
    double configured_s;
    int64_t round; /* whose values the registers hold; −1: none yet */
    int16_t shunt;
    uint16_t bus;
    uint64_t random;
};

void ina226_model_attach(struct ina226_model *model, struct avr_t *avr);

/* As after a power cut. */
void ina226_model_reset(struct ina226_model *model);

#endif
