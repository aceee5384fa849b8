#include "simulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avr_eeprom.h"
#include "avr_ioport.h"
#include "avr_uart.h"
#include "ina226_model.h"
#include "load.h"
#include "sim_avr.h"
#include "sim_elf.h"

enum { FREQUENCY = 16000000, BAUD = 500000, BITS = 10, WAITING = 4096, PULSES = 1024 };
enum { CYCLES_PER_BYTE = FREQUENCY / BAUD * BITS };

/* The chip's transmitter has a buffer of one byte and asks for the next while it sends; simavr's asks when it is done.
 * So simavr's is told to be done a little early, and this file lays the bytes on the line one after the other. */
enum { AHEAD = 40 };

struct byte_at {
    double t_s;
    uint8_t byte;
};

struct simulator {
    avr_t *avr;
    elf_firmware_t firmware;
    struct load load;
    struct ina226_model sensor;
    double s_per_cycle;
    avr_uart_t *uart;
    double line_free_s; /* the byte before is over */

    struct byte_at *sent; /* by the meter */
    size_t sent_length;
    size_t sent_room;
    size_t sent_taken;

    struct byte_at waiting[WAITING]; /* to the meter, a ring */
    size_t waiting_head;
    size_t waiting_tail;

    struct byte_at pulses[PULSES];
    size_t pulses_head;
    size_t pulses_tail;
};

double simulator_now_s(const struct simulator *simulator) {
    return (double)simulator->avr->cycle * simulator->s_per_cycle;
}

static double byte_s(const struct simulator *simulator) {
    return CYCLES_PER_BYTE * simulator->s_per_cycle;
}

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *parameter) {
    (void)irq;
    struct simulator *simulator = parameter;
    if (simulator->sent_length == simulator->sent_room) {
        size_t room = simulator->sent_room ? 2 * simulator->sent_room : 65536;
        struct byte_at *sent = realloc(simulator->sent, room * sizeof *sent);
        if (!sent) {
            abort();
        }
        simulator->sent = sent;
        simulator->sent_room = room;
    }
    double start_s = simulator_now_s(simulator);
    start_s = start_s > simulator->line_free_s ? start_s : simulator->line_free_s;
    double t_s = simulator->line_free_s = start_s + byte_s(simulator);
    simulator->uart->cycles_per_byte = CYCLES_PER_BYTE - AHEAD;
    simulator->sent[simulator->sent_length++] = (struct byte_at){.t_s = t_s, .byte = (uint8_t)value};
}

static void on_pulse(struct avr_irq_t *irq, uint32_t value, void *parameter) {
    (void)irq;
    struct simulator *simulator = parameter;
    if (simulator->pulses_head - simulator->pulses_tail < PULSES) {
        simulator->pulses[simulator->pulses_head++ % PULSES] =
            (struct byte_at){.t_s = simulator_now_s(simulator), .byte = (uint8_t)value};
    }
}

static void silent(struct avr_t *avr, const int level, const char *format, va_list arguments) {
    (void)avr;
    if (level <= LOG_ERROR) {
        vfprintf(stderr, format, arguments);
    }
}

/* A sleeping chip is woken in its own time: nobody waits for it in real time … */
static void pass(struct avr_t *avr, avr_cycle_count_t cycles) {
    (void)avr;
    (void)cycles;
}

/* … and it does not sleep past the moment at which this is called. */
static avr_cycle_count_t stop_here(struct avr_t *avr, avr_cycle_count_t when, void *parameter) {
    (void)avr;
    (void)when;
    (void)parameter;
    return 0;
}

static avr_uart_t *uart_of(avr_t *avr) {
    for (avr_io_t *port = avr->io_port; port; port = port->next) {
        if (strcmp(port->kind, "uart") == 0 && ((avr_uart_t *)port)->name == '0') {
            return (avr_uart_t *)port;
        }
    }
    abort(); /* an ATmega328P has one */
}

static void connect_line(struct simulator *simulator) {
    simulator->uart = uart_of(simulator->avr);
    uint32_t flags = 0;
    avr_ioctl(simulator->avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
    avr_ioctl(simulator->avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(simulator->avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_byte,
                            simulator);
}

struct simulator *simulator_open(const char *elf, const struct simulator_options *options) {
    struct simulator *simulator = calloc(1, sizeof *simulator);
    avr_global_logger_set(silent);
    if (!simulator || elf_read_firmware(elf, &simulator->firmware) != 0 || simulator->firmware.flashsize == 0) {
        free(simulator);
        return NULL;
    }
    simulator->avr = avr_make_mcu_by_name("atmega328p");
    if (!simulator->avr) {
        free(simulator);
        return NULL;
    }
    simulator->firmware.frequency = FREQUENCY;
    avr_init(simulator->avr);
    avr_load_firmware(simulator->avr, &simulator->firmware);
    simulator->avr->sleep = pass;
    simulator->s_per_cycle = 1.0 / FREQUENCY / (1 + options->drift_ppm * 1e-6);
    connect_line(simulator);
    avr_irq_register_notify(avr_io_getirq(simulator->avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 0), on_pulse, simulator);
    simulator->sensor = (struct ina226_model){
        .load = &simulator->load,
        .s_per_cycle = simulator->s_per_cycle,
        .random = options->seed * 2 + 1,
        .errors = {
            .shunt_ohm = options->shunt_ohm,
            .offset_v = options->offset_v,
            .gain = options->gain,
            .noise_v = options->noise_v,
            .oscillator = options->oscillator,
        },
    };
    ina226_model_attach(&simulator->sensor, simulator->avr);
    return simulator;
}

void simulator_close(struct simulator *simulator) {
    avr_terminate(simulator->avr);
    load_free(&simulator->load);
    free(simulator->sent);
    free(simulator);
}

int simulator_load(struct simulator *simulator, double t_s, double current_a, double voltage_v) {
    return load_append(&simulator->load, t_s, current_a, voltage_v);
}

int simulator_write(struct simulator *simulator, double t_s, const uint8_t *bytes, size_t length) {
    size_t used = simulator->waiting_head - simulator->waiting_tail;
    if (length > WAITING - used) {
        return -1;
    }
    if (used > 0) {
        double free_s = simulator->waiting[(simulator->waiting_head - 1) % WAITING].t_s + byte_s(simulator);
        t_s = t_s > free_s ? t_s : free_s;
    }
    for (size_t i = 0; i < length; i++) {
        /* simavr hands a byte to the firmware the time of a byte after its start */
        simulator->waiting[simulator->waiting_head++ % WAITING] = (struct byte_at){.t_s = t_s, .byte = bytes[i]};
        t_s += byte_s(simulator);
    }
    return 0;
}

static void deliver(struct simulator *simulator, double now_s) {
    while (simulator->waiting_tail < simulator->waiting_head) {
        struct byte_at *next = &simulator->waiting[simulator->waiting_tail % WAITING];
        if (next->t_s > now_s) {
            return;
        }
        avr_raise_irq(avr_io_getirq(simulator->avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT), next->byte);
        simulator->waiting_tail++;
    }
}

int simulator_run(struct simulator *simulator, double until_s) {
    avr_cycle_count_t until = (avr_cycle_count_t)(until_s / simulator->s_per_cycle);
    while (simulator->avr->cycle < until) {
        avr_cycle_count_t stop = until;
        if (simulator->waiting_tail < simulator->waiting_head) {
            double t_s = simulator->waiting[simulator->waiting_tail % WAITING].t_s;
            avr_cycle_count_t arrival = (avr_cycle_count_t)(t_s / simulator->s_per_cycle) + 1;
            stop = arrival < until ? arrival : until;
        }
        avr_cycle_timer_register(simulator->avr, stop - simulator->avr->cycle, stop_here, NULL);
        while (simulator->avr->cycle < stop) {
            int state = avr_run(simulator->avr);
            if (state == cpu_Done || state == cpu_Crashed) {
                return -1;
            }
        }
        deliver(simulator, simulator_now_s(simulator));
    }
    return 0;
}

size_t simulator_read(struct simulator *simulator, uint8_t *bytes, double *times, size_t room) {
    size_t count = 0;
    while (count < room && simulator->sent_taken < simulator->sent_length) {
        struct byte_at *next = &simulator->sent[simulator->sent_taken++];
        bytes[count] = next->byte;
        times[count++] = next->t_s;
    }
    if (simulator->sent_taken == simulator->sent_length) {
        simulator->sent_taken = 0;
        simulator->sent_length = 0;
    }
    return count;
}

void simulator_sums(const struct simulator *simulator, double t_s, double sums[3]) {
    struct load_sums found = load_until(&simulator->load, t_s);
    sums[0] = found.charge_c;
    sums[1] = found.flux_vs;
    sums[2] = found.energy_j;
}

void simulator_reset(struct simulator *simulator) {
    avr_cycle_count_t cycle = simulator->avr->cycle;
    avr_reset(simulator->avr);
    simulator->avr->cycle = cycle;
    ina226_model_reset(&simulator->sensor);
    connect_line(simulator);
}

void simulator_sensor(struct simulator *simulator, int absent) {
    simulator->sensor.absent = absent;
}

void simulator_edge(struct simulator *simulator, int level) {
    avr_raise_irq(avr_io_getirq(simulator->avr, AVR_IOCTL_IOPORT_GETIRQ('D'), 2), (uint32_t)level);
}

int simulator_pulse(struct simulator *simulator, double *t_s, int *level) {
    if (simulator->pulses_tail == simulator->pulses_head) {
        return 0;
    }
    struct byte_at *next = &simulator->pulses[simulator->pulses_tail++ % PULSES];
    *t_s = next->t_s;
    *level = next->byte;
    return 1;
}
