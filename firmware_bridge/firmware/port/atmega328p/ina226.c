#include "ina226.h"

#include "twi.h"

enum { CONFIGURATION = 0, CONTINUOUS = 0x4007, BUS_US = 140, BUS_SLOWEST_US = 154, CHOICES = 8 };

static const uint16_t AVERAGES[CHOICES] = {1, 4, 16, 64, 128, 256, 512, 1024};
static const uint16_t TYPICAL_US[CHOICES] = {140, 204, 332, 588, 1100, 2116, 4156, 8244};
static const uint16_t SLOWEST_US[CHOICES] = {154, 224, 365, 646, 1210, 2328, 4572, 9068};

static uint32_t round_us = 2 * BUS_US;

static bool present(void) {
    struct transfer ask = {.address = INA226_ADDRESS, .out_bytes = {INA226_ID}, .out = 1, .in = 2};
    return twi_wait(&ask, 1) && ask.in_bytes[0] == INA226_MANUFACTURER >> 8 &&
           ask.in_bytes[1] == (INA226_MANUFACTURER & 0xFF);
}

static bool configure(uint16_t value) {
    struct transfer write = {
        .address = INA226_ADDRESS,
        .out_bytes = {CONFIGURATION, (uint8_t)(value >> 8), (uint8_t)value},
        .out = 3,
    };
    return twi_wait(&write, 1);
}

bool ina226_begin(uint32_t period_us) {
    uint8_t average = 0;
    uint8_t shunt = 0;
    round_us = TYPICAL_US[0] + BUS_US;
    for (uint8_t a = 0; a < CHOICES; a++) {
        for (uint8_t s = 0; s < CHOICES; s++) {
            uint32_t slowest = (uint32_t)AVERAGES[a] * (SLOWEST_US[s] + BUS_SLOWEST_US);
            uint32_t typical = (uint32_t)AVERAGES[a] * (TYPICAL_US[s] + BUS_US);
            if (slowest <= period_us && typical > round_us) {
                round_us = typical;
                average = a;
                shunt = s;
            }
        }
    }
    return present() && configure((uint16_t)(CONTINUOUS | (average << 9) | (shunt << 3)));
}

uint32_t ina226_round_us(void) {
    return round_us;
}
