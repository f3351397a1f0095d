"""Writes the table by which FHIR R4 in XML becomes JSON: which elements repeat, and which are numbers or booleans.

    python3 fhir_xml.py FOLDER > ../../core/engine/src/source/fhir_xml/r4.txt

FOLDER holds HL7's `profiles-types.json` and `profiles-resources.json` of R4 (CC0; hl7.org/fhir/R4/definitions.json.zip)."""
import json, sys
from pathlib import Path

# Of the patient's record; what describes systems, studies and substances is left out.
LEFT_OUT = """ActivityDefinition CapabilityStatement ChargeItemDefinition CodeSystem CompartmentDefinition ConceptMap
EffectEvidenceSynthesis EventDefinition Evidence EvidenceVariable ExampleScenario GraphDefinition ImplementationGuide
InsurancePlan Library Measure MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition NamingSystem
ObservationDefinition OperationDefinition PlanDefinition ResearchDefinition ResearchElementDefinition ResearchStudy
RiskEvidenceSynthesis SearchParameter SpecimenDefinition StructureDefinition StructureMap SubstanceAmount
SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation SubstanceSourceMaterial
SubstanceSpecification TerminologyCapabilities TestReport TestScript ValueSet ElementDefinition ProdCharacteristic
MarketingStatus DataRequirement TriggerDefinition Population DomainResource Element BackboneElement Resource""".split()
NUMBERS = {"decimal", "integer", "unsignedInt", "positiveInt"}
# What every element, and every resource, has: known to the reader.
OF_ELEMENTS = {"id", "extension", "modifierExtension"}
OF_RESOURCES = OF_ELEMENTS | {"meta", "implicitRules", "language", "text", "contained"}


def lines(folder):
    for file in ["profiles-types.json", "profiles-resources.json"]:
        for entry in json.loads((Path(folder) / file).read_text())["entry"]:
            definition = entry["resource"]
            wanted = (
                definition["resourceType"] == "StructureDefinition"
                and definition.get("derivation") != "constraint"
                and definition["kind"] in ("complex-type", "resource")
            )
            if not wanted or definition["name"] in LEFT_OUT:
                continue
            contexts = {}
            for element in definition["snapshot"]["element"]:
                path, _, name = element["path"].rpartition(".")
                is_root = definition["kind"] == "resource" and "." not in path
                if path and name not in (OF_RESOURCES if is_root else OF_ELEMENTS):
                    contexts.setdefault(path, []).extend(children(element, name))
            for path, names in contexts.items():
                yield f"{path}: {' '.join(names)}"


def children(element, name):
    path, repeats = element["path"], "*" if element["max"] not in ("0", "1") else ""
    if "contentReference" in element:
        yield f"{name}{repeats}={element['contentReference'].lstrip('#')}"
        return
    types = [one["code"] for one in element.get("type", [])]
    for kind in types:
        given = name[:-3] + kind[0].upper() + kind[1:] if name.endswith("[x]") else name
        yield given + repeats + kind_of(kind, path)


def kind_of(kind, path):
    if kind in NUMBERS:
        return "#"
    if kind == "boolean":
        return "?"
    if kind in ("BackboneElement", "Element"):
        return f"={path}"
    if kind[0].isupper() or kind == "xhtml":
        return f"={kind}"
    return ""


print("\n".join(lines(sys.argv[1])))
