import { storeConformance } from "../documents/store.conformance.ts";
import { createMemoryStore } from "./store.ts";

storeConformance("in memory", async () => ({
  store: createMemoryStore(),
  stop: async () => undefined,
}));
