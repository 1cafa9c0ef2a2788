import type { Socket } from "node:net";

class Dropped extends Error {}

/**
 * Connections that have not said yet who they are. There are so many at most: when one more comes,
 * the oldest goes. An address tells nobody apart, so nobody is preferred or refused by it; who is
 * quick with the handshake gets through, and who holds a connection in silence keeps nobody out.
 */
export class Lobby {
  readonly #max: number;
  readonly #pending = new Map<string, Socket>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether this is what ended a connection that has been dropped. */
  static hasDropped(error: Error): boolean {
    return error instanceof Dropped;
  }

  enter(socket: Socket): void {
    const name = nameOf(socket);
    this.#pending.set(name, socket);
    socket.once("close", () => {
      // The same address and port may be another's by now.
      if (this.#pending.get(name) === socket) this.#pending.delete(name);
    });
    if (this.#pending.size > this.#max) this.#dropOldest();
  }

  /**
   * The handshake has come to its end. @param socket the TLS socket over the one that had entered
   */
  leave(socket: Socket): void {
    this.#pending.delete(nameOf(socket));
  }

  #dropOldest(): void {
    const [oldest] = this.#pending;
    if (oldest === undefined) return;
    const [name, socket] = oldest;
    this.#pending.delete(name);
    socket.destroy(new Dropped("too many connections were in their handshake"));
  }
}

/** The same for a connection and the TLS over it. */
const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
