import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { VisibleError } from "../../core/api/errors.ts";
import { instantSchema, siteIdSchema } from "../../core/api/ids.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import { queueUrlOf } from "../../functions/aws/queues.ts";
import { startAgent } from "../../gateway/agent/agent.ts";
import { loadGatewayConfig } from "../../gateway/config/config.ts";
import { loadCredentials } from "../../gateway/credentials/credentials.ts";
import type { Log } from "../../gateway/log/log.ts";
import { QueueAccess } from "../../gateway/queues/credentials.ts";
import { createSqsClient } from "../../gateway/queues/sqs-client.ts";
import { createSqsReportQueue } from "../../gateway/queues/sqs-report-queue.ts";
import { createSqsTaskSource } from "../../gateway/queues/sqs-task-source.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import type { SendVolume } from "../../gateway/tasks/context.ts";
import { performTask } from "../../gateway/tasks/perform.ts";
import { servesNothing } from "../../gateway/tasks/serves-nothing.ts";
import { systemTime } from "../../gateway/time/time.ts";
import { createPeerClient } from "../../gateway/tunnel/client.ts";
import { RefusedPeers } from "../../gateway/tunnel/refused.ts";
import { type Attack, type AttackOutcome, carryOut, type Knowledge } from "./attack.ts";
import { crowdAt } from "./crowd.ts";
import { atRandom, liesOf } from "./lies.ts";
import { abusesOf, theftsFrom } from "./thefts.ts";
import { setTrap } from "./trap.ts";

/**
 * A gateway that was taken over: `node attacker-process.ts <knowledge.json> <seed>`. It has a good
 * certificate and good credentials, does its site's tasks as they should be done, but for sending,
 * and attacks everybody else from the first byte of its input to the end. Each attack is a line of
 * its output.
 */
const [knowledgeFile, seedText] = process.argv.slice(2);
if (knowledgeFile === undefined || seedText === undefined)
  throw new Error("usage: attacker-process <knowledge> <seed>");
// It stands for a machine of its own, and takes nothing from those of the others.
setPriority(19);
const knowledge = JSON.parse(await readFile(knowledgeFile, "utf8")) as Knowledge;
const config = await loadGatewayConfig(knowledge.configFile);
const credentials = await loadCredentials(config);
const nothing = () => undefined;
const log: Log = {
  ...{ debug: nothing, info: nothing, warn: nothing, error: nothing, failed: nothing },
  child: () => log,
};

const tell = (outcome: AttackOutcome): void => {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
};

const trap = await setTrap(credentials, (name) => tell({ attack: name, outcome: "sprung", letThrough: false }));
const me = { siteId: config.siteId, gatewayId: config.gatewayId, endpoint: `127.0.0.1:${trap.port}` };

const storage = await openStorage(config.storage);
const stopping = new AbortController();
const clock = { time: systemTime, heard: () => undefined };
const access = new QueueAccess({
  ...{ api: config.api ?? "", current: () => credentials, onRemoved: () => undefined, ...clock },
  signal: stopping.signal,
});
const sqs = createSqsClient(process.env, access);
const peerOf = (siteId: string, endpoints: readonly string[]) =>
  createPeerClient({
    ...{ siteId: siteIdSchema.parse(siteId), endpoints, multiCluster: config.multiCluster, log },
    credentials: () => credentials,
  });

/** In place of sending: a session that it was given, and what can be done with one. */
const abuse: SendVolume = async (request) => {
  const peer = peerOf(request.receiver, request.endpoints);
  try {
    for (const attack of abusesOf(peer, request)) tell(await carryOut(attack));
  } finally {
    await peer.close();
  }
  throw new VisibleError("LINK_BROKEN", "The link broke.", { retryable: true });
};

const source = (queue: "tasks" | "transfers" | "settings") =>
  createSqsTaskSource({ client: sqs, prefix: config.queues.prefix, siteId: config.siteId, queue, log });
const agent = startAgent({
  queues: [
    { source: source("tasks"), concurrency: 2 },
    { source: source("transfers"), concurrency: 1 },
  ],
  settings: {
    source: source("settings"),
    apply: () => undefined,
    revoke: async () => undefined,
    revocationsAt: () => undefined,
  },
  reports: createSqsReportQueue({ client: sqs, prefix: config.queues.prefix, log, signal: stopping.signal }),
  perform: performTask,
  context: {
    storage,
    send: abuse,
    ...{ serve: servesNothing.serve, awaitReady: servesNothing.awaitReady },
    identity: {
      ...{ id: config.gatewayId, siteId: config.siteId, endpoint: me.endpoint, tunnel: "direct-tls" },
      ...{ version: "0.1.0", storage: storage.kind },
    },
    now: () => instantSchema.parse(new Date().toISOString()),
  },
  refused: new RefusedPeers(log),
  time: systemTime,
  log,
});

const queueUrl = await queueUrlOf(sqs, reportQueueName(config.queues.prefix));
const say = async (report: object): Promise<string> => {
  const message = { MessageBody: JSON.stringify(report), MessageGroupId: config.siteId };
  await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, ...message }));
  return "said";
};
const lies = (): readonly Attack[] =>
  liesOf(knowledge, me).map(({ name, report }) => ({ name: `the lie: ${name}`, carryOut: () => say(report) }));

/** Numbers from 0 up to, not including, 1: always the same from a seed. */
const chance = (seed: number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};
const next = chance(Number(seedText));

const victims = Object.entries(knowledge.endpoints);
const byList = async (): Promise<void> => {
  for (const attack of lies()) tell(await carryOut(attack));
  for (const [site, endpoint] of victims) {
    const peer = peerOf(site, [endpoint]);
    for (const attack of theftsFrom(peer, knowledge, config.siteId)) tell(await carryOut(attack));
    await peer.close();
    for (const attack of crowdAt(site, endpoint, credentials)) tell(await carryOut(attack));
  }
};

const randomly = async (): Promise<void> => {
  const all = liesOf(knowledge, me);
  for (let i = 0; i < 20; i++) {
    const lie = all[Math.floor(next() * all.length)];
    if (lie !== undefined) await say(atRandom(lie.report, next)).catch(() => "too large for a queue");
  }
  tell({ attack: "20 lies at random", outcome: "said", letThrough: false });
  const [site, endpoint] = victims[Math.floor(next() * victims.length)] ?? [];
  if (site === undefined || endpoint === undefined) return;
  const attacks = crowdAt(site, endpoint, credentials);
  const attack = attacks[Math.floor(next() * attacks.length)];
  if (attack !== undefined) tell(await carryOut(attack));
};

process.stdin.once("close", () => stopping.abort());
await once(process.stdin, "data");
await byList();
tell({ attack: "the list", outcome: "is through", letThrough: false });
while (!stopping.signal.aborted) {
  await randomly();
  await wait(500, undefined, { signal: stopping.signal }).catch(() => undefined);
}
trap.stop();
await agent.stop();
await storage.close();
sqs.destroy();
process.exit();
