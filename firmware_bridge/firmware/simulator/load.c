#include "load.h"

#include <stdlib.h>

int load_append(struct load *load, double t_s, double current_a, double voltage_v) {
    if (load->length > 0 && t_s < load->steps[load->length - 1].t_s) {
        return -1;
    }
    if (load->length == load->room) {
        size_t room = load->room ? 2 * load->room : 1024;
        struct load_step *steps = realloc(load->steps, room * sizeof *steps);
        if (!steps) {
            return -1;
        }
        load->steps = steps;
        load->room = room;
    }
    struct load_sums sums = load_until(load, t_s);
    load->steps[load->length++] = (struct load_step){
        .t_s = t_s,
        .current_a = current_a,
        .voltage_v = voltage_v,
        .charge_c = sums.charge_c,
        .flux_vs = sums.flux_vs,
        .energy_j = sums.energy_j,
    };
    return 0;
}

struct load_sums load_until(const struct load *load, double t_s) {
    size_t low = 0;
    size_t high = load->length;
    while (low < high) { /* the first step after t_s */
        size_t middle = (low + high) / 2;
        if (load->steps[middle].t_s <= t_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return (struct load_sums){0};
    }
    const struct load_step *step = &load->steps[low - 1];
    double dt_s = t_s - step->t_s;
    return (struct load_sums){
        .charge_c = step->charge_c + step->current_a * dt_s,
        .flux_vs = step->flux_vs + step->voltage_v * dt_s,
        .energy_j = step->energy_j + step->current_a * step->voltage_v * dt_s,
    };
}

void load_free(struct load *load) {
    free(load->steps);
    *load = (struct load){0};
}
