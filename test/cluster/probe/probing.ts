import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";

/* A probe in a process of its own, to be killed. */

await probeCluster(JSON.parse(process.argv[2] ?? ""), { contentBytes: 2 ** 18 });
