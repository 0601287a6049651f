// Manifests against the published schema of Kubernetes, as kubernetes-models carries it: its
// validators judge values and required fields, its types every field that there is.

import { join } from 'node:path'
import { Deployment } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Namespace, Secret, Service } from 'kubernetes-models/v1'
import ts from 'typescript'
import { PROJECT } from '../support/sources.ts'
import { word, type Node } from './deployed.ts'

/** By `apiVersion/kind`; what they say of themselves is what a manifest has to say. */
const KINDS = [
  { model: ConfigMap, module: 'v1' },
  { model: Deployment, module: 'apps/v1' },
  { model: HorizontalPodAutoscaler, module: 'autoscaling/v2' },
  { model: Namespace, module: 'v1' },
  { model: NetworkPolicy, module: 'networking.k8s.io/v1' },
  { model: PodDisruptionBudget, module: 'policy/v1' },
  { model: Secret, module: 'v1' },
  { model: Service, module: 'v1' },
]

/** What the validator of its kind says of a manifest. */
export function faultsOf(manifest: Node): readonly string[] {
  const kind = kindOf(manifest)
  if (kind === undefined) {
    return [`${word(manifest['apiVersion'])} has no ${word(manifest['kind'])} here`]
  }
  try {
    new kind.model(manifest).validate()
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : 'no error']
  }
}

/** What the compiler says of all manifests, written as literals: so it tells unknown fields too. */
export function typeFaultsOf(manifests: readonly Node[]): readonly string[] {
  const path = join(PROJECT, 'spec/deploy/manifests-as-types.ts')
  const text = manifests
    .map((manifest, index) => {
      const name = `I${word(manifest['kind'])}`
      const module = `kubernetes-models/${kindOf(manifest)?.module ?? ''}`
      const literal = JSON.stringify(manifest, null, 1)
      return `export const m${index}: import('${module}').${name} = ${literal}`
    })
    .join('\n')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: [],
    strict: true,
    skipLibCheck: true,
    noEmit: true,
  }
  const host = ts.createCompilerHost(options)
  const program = ts.createProgram([path], options, {
    ...host,
    fileExists: (file) => file === path || host.fileExists(file),
    getSourceFile: (file, language, ...rest) =>
      file === path
        ? ts.createSourceFile(file, text, language)
        : host.getSourceFile(file, language, ...rest),
  })
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

function kindOf({ apiVersion, kind }: Node) {
  return KINDS.find(({ model }) => model.apiVersion === apiVersion && model.kind === kind)
}
