import { dynamodbConformance } from "../../functions/aws/dynamodb-store.conformance.ts";
import { schedulerConformance } from "../../functions/aws/scheduler.conformance.ts";
import { taskQueueConformance } from "../../functions/aws/sqs-task-queue.conformance.ts";
import { pollQueueConformance } from "../../infra/local/runner/poll-queue.conformance.ts";
import { emulatorsUnderTest, startServices } from "./emulators.ts";

for (const emulator of emulatorsUnderTest) {
  const start = () => startServices(emulator);
  dynamodbConformance(`by ${emulator.name}`, start);
  taskQueueConformance(`by ${emulator.name}`, start, emulator.differences);
  schedulerConformance(`by ${emulator.name}`, start, emulator.differences);
  pollQueueConformance(`by ${emulator.name}`, start, emulator.differences);
}
