import type { Emulator } from "./emulator.ts";
import { listening } from "./port.ts";

/**
 * Starts fauxqs in this process, on 127.0.0.1 and a free port unless one is given. It keeps its queues and messages in
 * memory: make the queues again after every start; outbox and sweep send again what was in them.
 * @throws {VisibleError} CONFLICT when the port is taken
 */
export const startSqs = async ({ port = 0 }: { readonly port?: number } = {}): Promise<Emulator> => {
  // Loaded when needed: it brings half of AWS's SDK along.
  const { buildApp } = await import("fauxqs");
  const app = buildApp({ logger: false });
  const endpoint = await listening(port, () => app.listen({ host: "127.0.0.1", port }));
  return {
    endpoint,
    async stop() {
      const closed = app.close();
      // Clients keep their connections open, and would keep us waiting.
      app.server.closeAllConnections();
      await closed;
    },
  };
};
