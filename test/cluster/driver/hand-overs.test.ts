import { test } from "node:test";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { handOvers } from "./hand-overs.ts";
import { openDriver } from "./under-test.ts";

test("of two gateways that take a mirror from each other, none writes a byte when it has lost it", async (context) => {
  const standIn = await ClusterStandIn.open();
  context.after(() => standIn.close());
  const drivers = [await openDriver(standIn), await openDriver(standIn)] as const;
  await handOvers(standIn, { drivers, count: 200 });
});
