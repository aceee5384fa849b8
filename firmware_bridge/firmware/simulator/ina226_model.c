#include "ina226_model.h"

#include <math.h>

#include "avr_twi.h"

enum { ADDRESS = 0x40, CONFIGURATION = 0x00, SHUNT = 0x01, BUS = 0x02, MANUFACTURER = 0xFE, DIE = 0xFF };
enum { AFTER_RESET = 0x4127, RESET_BIT = 0x8000 };

static const int AVERAGES[8] = {1, 4, 16, 64, 128, 256, 512, 1024};
static const double CONVERSION_S[8] = {140e-6, 204e-6, 332e-6, 588e-6, 1100e-6, 2116e-6, 4156e-6, 8244e-6};

static double now_s(const struct ina226_model *model) {
    return (double)model->avr->cycle * model->s_per_cycle;
}

/* Uniform in (0, 1): xorshift64*. */
static double uniform(struct ina226_model *model) {
    uint64_t x = model->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    model->random = x;
    return ((double)((x * 0x2545F4914F6CDD1DULL) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(struct ina226_model *model) {
    return sqrt(-2 * log(uniform(model))) * cos(6.283185307179586 * uniform(model));
}

static double clip(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

/* The values that round number `round` of conversions gave. */
static void convert(struct ina226_model *model, int64_t round, double slow) {
    int averages = AVERAGES[(model->configuration >> 9) & 7];
    double bus_s = CONVERSION_S[(model->configuration >> 6) & 7] * slow;
    double shunt_s = CONVERSION_S[(model->configuration >> 3) & 7] * slow;
    double t_s = model->configured_s + (double)round * averages * (shunt_s + bus_s);
    double charge_c = 0;
    double flux_vs = 0;
    for (int i = 0; i < averages; i++) {
        charge_c += load_until(model->load, t_s + shunt_s).charge_c - load_until(model->load, t_s).charge_c;
        t_s += shunt_s;
        flux_vs += load_until(model->load, t_s + bus_s).flux_vs - load_until(model->load, t_s).flux_vs;
        t_s += bus_s;
    }
    const struct ina226_errors *errors = &model->errors;
    double noise_v = errors->noise_v * sqrt(140e-6 / (averages * shunt_s));
    double shunt_v = charge_c / (averages * shunt_s) * errors->shunt_ohm * (1 + errors->gain) + errors->offset_v +
                     noise_v * normal(model);
    double bus_v = flux_vs / (averages * bus_s);
    model->shunt = (int16_t)lround(clip(shunt_v / 2.5e-6, INT16_MIN, INT16_MAX));
    model->bus = (uint16_t)lround(clip(bus_v / 1.25e-3, 0, INT16_MAX));
}

static void update(struct ina226_model *model) {
    double slow = 1 + model->errors.oscillator;
    double round_s = AVERAGES[(model->configuration >> 9) & 7] * slow *
                     (CONVERSION_S[(model->configuration >> 6) & 7] + CONVERSION_S[(model->configuration >> 3) & 7]);
    int64_t complete = (int64_t)floor((now_s(model) - model->configured_s) / round_s) - 1;
    if (complete > model->round) {
        convert(model, complete, slow);
        model->round = complete;
    }
}

static uint16_t register_of(struct ina226_model *model, uint8_t pointer) {
    switch (pointer) {
        case CONFIGURATION:
            return model->configuration;
        case SHUNT:
            update(model);
            return (uint16_t)model->shunt;
        case BUS:
            update(model);
            return model->bus;
        case MANUFACTURER:
            return 0x5449;
        case DIE:
            return 0x2260;
        default:
            return 0;
    }
}

static void configure(struct ina226_model *model, uint16_t value) {
    model->configuration = value & RESET_BIT ? AFTER_RESET : value;
    model->configured_s = now_s(model);
    model->round = -1;
}

static void take_byte(struct ina226_model *model, uint8_t byte) {
    if (model->written == 0) {
        model->pointer = byte;
    } else {
        model->incoming = (uint16_t)(model->incoming << 8 | byte);
        if (model->written == 2 && model->pointer == CONFIGURATION) {
            configure(model, model->incoming);
        }
    }
    model->written++;
}

static uint8_t give_byte(struct ina226_model *model) {
    if (!model->low_next) {
        model->latched = register_of(model, model->pointer);
    }
    uint8_t byte = model->low_next ? (uint8_t)model->latched : (uint8_t)(model->latched >> 8);
    model->low_next = !model->low_next;
    return byte;
}

static void on_bus(struct avr_irq_t *irq, uint32_t value, void *parameter) {
    (void)irq;
    struct ina226_model *model = parameter;
    avr_twi_msg_irq_t message;
    message.u.v = value;
    if (message.u.twi.msg & TWI_COND_STOP) {
        model->selected = 0;
    }
    if (message.u.twi.msg & TWI_COND_START) {
        model->selected = 0;
        if (message.u.twi.addr >> 1 == ADDRESS && !model->absent) {
            model->selected = message.u.twi.addr;
            model->written = 0;
            model->low_next = 0;
            avr_raise_irq(model->irq + TWI_IRQ_INPUT, avr_twi_irq_msg(TWI_COND_ACK, model->selected, 1));
        }
    }
    if (!model->selected) {
        return;
    }
    if (message.u.twi.msg & TWI_COND_WRITE) {
        avr_raise_irq(model->irq + TWI_IRQ_INPUT, avr_twi_irq_msg(TWI_COND_ACK, model->selected, 1));
        take_byte(model, message.u.twi.data);
    }
    if (message.u.twi.msg & TWI_COND_READ) {
        uint8_t byte = give_byte(model);
        avr_raise_irq(model->irq + TWI_IRQ_INPUT, avr_twi_irq_msg(TWI_COND_READ, model->selected, byte));
    }
}

void ina226_model_attach(struct ina226_model *model, struct avr_t *avr) {
    static const char *names[2] = {"8>ina226.out", "32<ina226.in"};
    model->avr = avr;
    model->irq = avr_alloc_irq(&avr->irq_pool, 0, 2, names);
    avr_irq_register_notify(model->irq + TWI_IRQ_OUTPUT, on_bus, model);
    avr_connect_irq(model->irq + TWI_IRQ_INPUT, avr_io_getirq(avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_INPUT));
    avr_connect_irq(avr_io_getirq(avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_OUTPUT), model->irq + TWI_IRQ_OUTPUT);
    ina226_model_reset(model);
}

void ina226_model_reset(struct ina226_model *model) {
    model->selected = 0;
    model->shunt = 0;
    model->bus = 0;
    configure(model, AFTER_RESET);
}
