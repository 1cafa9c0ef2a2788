import { after, before, describe } from "node:test";
import { dynamodbConformance } from "../../functions/aws/dynamodb-store.conformance.ts";
import { schedulerConformance } from "../../functions/aws/scheduler.conformance.ts";
import { taskQueueConformance } from "../../functions/aws/sqs-task-queue.conformance.ts";
import type { ServicesUnderTest } from "../../functions/aws/testing.ts";
import { pollQueueConformance } from "../../infra/local/runner/poll-queue.conformance.ts";
import { emulatorsUnderTest, startServices } from "./emulators.ts";

for (const { name, choose, differences, borrowsDynamodb = false } of emulatorsUnderTest) {
  describe(`on ${name}`, () => {
    let chosen: ServicesUnderTest;
    before(async () => {
      chosen = await choose();
    });
    after(() => chosen?.stop());

    const start = () => startServices(chosen);
    if (!borrowsDynamodb) dynamodbConformance(`by ${name}`, start);
    taskQueueConformance(`by ${name}`, start, differences);
    schedulerConformance(`by ${name}`, start, differences);
    pollQueueConformance(`by ${name}`, start, differences);
  });
}
