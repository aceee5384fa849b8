/* The serial line to the host: 500,000 baud, 8N1, exact at 16 MHz. */
#ifndef CIRCADIA_UART_H
#define CIRCADIA_UART_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

/* Sends what `outgoing` holds. */
void uart_begin(struct ring *outgoing);

/* There is something in the ring. */
void uart_transmit(void);

/* Whether the host has said something. */
bool uart_waits(void);

/* The next byte; of a zero, the time at which it arrived. */
bool uart_receive(uint8_t *byte, uint32_t *t_us);

#endif
