import type { Problem } from '../problem.js'
import { matrices, small } from './table.js'

/** A checkpoint that the reference engine of 0.1.0 wrote in single precision, with its run. */
interface OldCheckpoint {
  readonly title: string
  readonly problem: Problem
  readonly after: number
  /** Base64. */
  readonly bytes: string
}

const grouped = small.map((p, i) => ({ ...p, group: i === 0 ? 'body' : 'head' }))
const run = {
  learningRate: { schedule: 'linear', from: 0.25, to: 0.0625, steps: 6 },
  weightDecay: 0.125,
} as const
const common = { steps: 6, loss: { first: 2, ratio: 0.75 } } as const

/** Append only. */
export const oldCheckpoints: readonly OldCheckpoint[] = [
  {
    title: 'adam under log',
    after: 3,
    problem: {
      ...common,
      seed: 920,
      parameters: small,
      transformation: {
        ...run,
        base: { name: 'adam', beta1: 0.75, beta2: 0.875 },
        embedding: { name: 'log' },
        xi: 0.25,
      },
    },
    bytes:
      'SU1DSwEAAABIAQAA+HNCtXsiZm9ybWF0IjoiaW5kdWNlZC1tZXRyaWMtY2hlY2twb2ludCIsInZlcnNpb24iOjEsImhhc2giOiI3YmZjNzdjMDZlYzYxYmNhIiwic3RlcCI6Mywic2tpcHBlZFN0ZXBzIjowLCJ1bml0cyI6W3sia2V5IjoiIiwiYXZlcmFnZSI6My4yNjg4MDM1MzA2MjcyMTQsInN0ZXBzIjozfV0sInBhcmFtZXRlcnMiOlt7Im5hbWUiOiJrZXJuZWwiLCJzaGFwZSI6WzIsM10sImR0eXBlIjoiZmxvYXQzMiIsInN0ZXBzIjozLCJzbG90cyI6WyJtIiwidiJdfSx7Im5hbWUiOiJiaWFzIiwic2hhcGUiOls0XSwiZHR5cGUiOiJmbG9hdDMyIiwic3RlcHMiOjMsInNsb3RzIjpbIm0iLCJ2Il19XX0AEOa+AILlPQBsWj4Aqbi+gIOevgA0hz28GQg/MljYPa+oiD3oPxQ+lsMGPtQ4eT4AmGK9ABBqvQDJXb4AkGk8amCBPJ40tD45RbU94x/wPQ==',
  },
  {
    title: 'heavyBall in groups',
    after: 3,
    problem: {
      ...common,
      seed: 921,
      parameters: grouped,
      transformation: {
        ...run,
        base: { name: 'heavyBall', momentum: 0.75, dampening: 0.25 },
        groups: { head: { beta: 0.5, embedding: { name: 'logDamped' } } },
      },
    },
    bytes:
      'SU1DSwEAAACIAQAAz6ngQ3siZm9ybWF0IjoiaW5kdWNlZC1tZXRyaWMtY2hlY2twb2ludCIsInZlcnNpb24iOjEsImhhc2giOiIxODU2YzlhMTM1NjE4ZThlIiwic3RlcCI6Mywic2tpcHBlZFN0ZXBzIjowLCJ1bml0cyI6W3sia2V5IjoiIiwiYXZlcmFnZSI6NC44MDYzODc3NzMwMzY5NTUsInN0ZXBzIjozfSx7ImtleSI6ImhlYWQiLCJhdmVyYWdlIjo5LjQ3NDY3Mjg1Mzk0NjY4Niwic3RlcHMiOjN9XSwicGFyYW1ldGVycyI6W3sibmFtZSI6Imtlcm5lbCIsInNoYXBlIjpbMiwzXSwiZHR5cGUiOiJmbG9hdDMyIiwic3RlcHMiOjMsInNsb3RzIjpbIm1vbWVudHVtIl19LHsibmFtZSI6ImJpYXMiLCJzaGFwZSI6WzRdLCJkdHlwZSI6ImZsb2F0MzIiLCJzdGVwcyI6Mywic2xvdHMiOlsibW9tZW50dW0iXX1dfSAgICAgAJUdP4BJ4T8AHOw/ALLmvgAlFb8AmzK/ADhBPwBBXz+Agpk/gNafvw==',
  },
  {
    title: 'lion without the metric',
    after: 3,
    problem: {
      ...common,
      seed: 922,
      parameters: small,
      transformation: { ...run, base: { name: 'lion' }, xi: 0 },
    },
    bytes:
      'SU1DSwEAAAAwAQAAan/GS3siZm9ybWF0IjoiaW5kdWNlZC1tZXRyaWMtY2hlY2twb2ludCIsInZlcnNpb24iOjEsImhhc2giOiIyOGFhMmNhY2QwM2Q2N2IyIiwic3RlcCI6Mywic2tpcHBlZFN0ZXBzIjowLCJ1bml0cyI6W3sia2V5IjoiIiwiYXZlcmFnZSI6MCwic3RlcHMiOjN9XSwicGFyYW1ldGVycyI6W3sibmFtZSI6Imtlcm5lbCIsInNoYXBlIjpbMiwzXSwiZHR5cGUiOiJmbG9hdDMyIiwic3RlcHMiOjMsInNsb3RzIjpbIm0iXX0seyJuYW1lIjoiYmlhcyIsInNoYXBlIjpbNF0sImR0eXBlIjoiZmxvYXQzMiIsInN0ZXBzIjozLCJzbG90cyI6WyJtIl19XX0DxvC7lGe1vNbzJDy4cw075Gj8PHNqqTuY2jC8Ej2OvNRwUT2jW1Y8',
  },
  {
    title: 'muon and its fallback without the metric',
    after: 3,
    problem: {
      ...common,
      seed: 923,
      parameters: [matrices[0]!, matrices[1]!, small[1]!],
      transformation: { ...run, base: { name: 'muon' }, xi: 0 },
    },
    bytes:
      'SU1DSwEAAACIAQAA4vCaC3siZm9ybWF0IjoiaW5kdWNlZC1tZXRyaWMtY2hlY2twb2ludCIsInZlcnNpb24iOjEsImhhc2giOiJiMjYwZGEzZDQxYWYxNGI1Iiwic3RlcCI6Mywic2tpcHBlZFN0ZXBzIjowLCJ1bml0cyI6W3sia2V5IjoiIiwiYXZlcmFnZSI6MCwic3RlcHMiOjN9XSwicGFyYW1ldGVycyI6W3sibmFtZSI6InRhbGwiLCJzaGFwZSI6WzUsM10sImR0eXBlIjoiZmxvYXQzMiIsInN0ZXBzIjozLCJzbG90cyI6WyJtb21lbnR1bSJdfSx7Im5hbWUiOiJ3aWRlIiwic2hhcGUiOlsyLDVdLCJkdHlwZSI6ImZsb2F0MzIiLCJzdGVwcyI6Mywic2xvdHMiOlsibW9tZW50dW0iXX0seyJuYW1lIjoiYmlhcyIsInNoYXBlIjpbNF0sImR0eXBlIjoiZmxvYXQzMiIsInN0ZXBzIjozLCJzbG90cyI6WyJtIiwidiJdfV19/DlbvGcU4r1+HlU9JGHJvcLKRz5rdJg9QMDnu1YWvr1fAWC9EQC+vDEigj2K3XC92D9PPQcQVL15ucu9AAAAALlGST0eSSs95ljYPPV0yD3bjQi9alQYvR9DGb5WBM47zUSYPQDbQTngz6G9GncEvoJlwb2STSi92/eTO0UQcDoARTk6r19EOw==',
  },
  {
    title: 'sgd in the scope of each parameter',
    after: 3,
    problem: {
      ...common,
      seed: 924,
      parameters: small,
      transformation: { ...run, base: { name: 'sgd', momentum: 0.75 }, xi: 0.25, metricScope: 'parameter' },
    },
    bytes:
      'SU1DSwEAAACQAQAAw+j3RHsiZm9ybWF0IjoiaW5kdWNlZC1tZXRyaWMtY2hlY2twb2ludCIsInZlcnNpb24iOjEsImhhc2giOiI0OTcwZWRjODc0YWE1ZjAzIiwic3RlcCI6Mywic2tpcHBlZFN0ZXBzIjowLCJ1bml0cyI6W3sia2V5Ijoia2VybmVsIiwiYXZlcmFnZSI6My45MTQzMDgyMzU2NDUyOTM2LCJzdGVwcyI6M30seyJrZXkiOiJiaWFzIiwiYXZlcmFnZSI6My4wODQ5OTAzOTUwNjkxMjE4LCJzdGVwcyI6M31dLCJwYXJhbWV0ZXJzIjpbeyJuYW1lIjoia2VybmVsIiwic2hhcGUiOlsyLDNdLCJkdHlwZSI6ImZsb2F0MzIiLCJzdGVwcyI6Mywic2xvdHMiOlsibW9tZW50dW0iXX0seyJuYW1lIjoiYmlhcyIsInNoYXBlIjpbNF0sImR0eXBlIjoiZmxvYXQzMiIsInN0ZXBzIjozLCJzbG90cyI6WyJtb21lbnR1bSJdfV19ICAgICAATHM+QMRvvwDN6j4AuO68AHF7vgCt8r4AKDW9QGEPv4AI974AnUc+',
  },
]
