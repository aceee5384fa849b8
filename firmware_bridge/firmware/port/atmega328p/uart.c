#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#include "clock.h"

enum { ENDS = 4 };

static struct ring *outgoing_ring;
static struct ring incoming;
static uint32_t end_us[ENDS]; /* of the last zeros, in turn */
static volatile uint8_t ends_written;
static uint8_t ends_read;

void uart_begin(struct ring *outgoing) {
    outgoing_ring = outgoing;
    UCSR0A = _BV(U2X0);
    UBRR0 = F_CPU / 8 / 500000 - 1;
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

ISR(USART_RX_vect) {
    uint8_t byte = UDR0;
    if (ring_put(&incoming, &byte, 1) && byte == 0) {
        end_us[ends_written % ENDS] = clock_now_us();
        ends_written++;
    }
}

ISR(USART_UDRE_vect) {
    uint8_t byte;
    if (ring_take(outgoing_ring, &byte)) {
        UDR0 = byte;
    } else {
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
    }
}

void uart_transmit(void) {
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        UCSR0B |= _BV(UDRIE0);
    }
}

bool uart_waits(void) {
    return ring_length(&incoming) > 0;
}

bool uart_receive(uint8_t *byte, uint32_t *t_us) {
    if (!ring_take(&incoming, byte)) {
        return false;
    }
    if (*byte == 0) {
        ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
            *t_us = end_us[ends_read % ENDS];
        }
        ends_read++;
    }
    return true;
}
