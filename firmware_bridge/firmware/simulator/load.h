/* What flows through the shunt: current and voltage that change in steps, and exact integrals of them. */
#ifndef CIRCADIA_LOAD_H
#define CIRCADIA_LOAD_H

#include <stddef.h>

struct load_step {
    double t_s; /* from here on */
    double current_a;
    double voltage_v;
    double charge_c;  /* ∫ current dt up to here */
    double flux_vs;   /* ∫ voltage dt */
    double energy_j;  /* ∫ current · voltage dt */
};

struct load {
    struct load_step *steps;
    size_t length;
    size_t room;
};

struct load_sums {
    double charge_c;
    double flux_vs;
    double energy_j;
};

/* Append a step; -1 if it lies before the last one or memory is short. */
int load_append(struct load *load, double t_s, double current_a, double voltage_v);

/* ∫ from the first step to `t_s`; nothing flows before it, and the last step lasts. */
struct load_sums load_until(const struct load *load, double t_s);

void load_free(struct load *load);

#endif
