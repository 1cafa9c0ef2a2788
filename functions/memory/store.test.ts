import { storeConformance } from "../store.conformance.ts";
import { createMemoryStore } from "./store.ts";

storeConformance("in memory", async () => ({
  store: createMemoryStore(),
  stop: async () => undefined,
}));
