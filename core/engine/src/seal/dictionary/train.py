#!/usr/bin/env python3
"""Made dictionary 1 (version-1.dict), the zstd dictionary of small changes. Kept to show where it comes from.

The dictionary is part of the protocol: it never changes. A better one becomes number 2, with its own compression byte.
Everything it was trained on is invented here; no real record was used.

    CARNET_SAMPLES=/tmp/samples cargo test -p carnet write_edit_samples -- --ignored   # Automerge edits
    python3 train.py /tmp/samples version-1.dict                                       # FHIR changes, then `zstd --train`
"""
import json
import random
import subprocess
import sys
import uuid
from pathlib import Path

DICTIONARY_BYTES = 16 * 1024
CHANGES = 6000
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
TERM, V3 = "http://terminology.hl7.org/CodeSystem/", "http://terminology.hl7.org/CodeSystem/v3-"
ATC, RXNORM = "http://www.whocc.no/atc", "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX, ICD10, CIP = "http://hl7.org/fhir/sid/cvx", "http://hl7.org/fhir/sid/icd-10", "https://ansm.sante.fr/cip13"

VITALS = [
    ("8867-4", "Heart rate", "Fréquence cardiaque", 50, 110, "/min", "/min"),
    ("29463-7", "Body weight", "Poids", 45, 120, "kg", "kg"),
    ("8302-2", "Body height", "Taille", 120, 200, "cm", "cm"),
    ("8310-5", "Body temperature", "Température corporelle", 35, 40, "°C", "Cel"),
    ("39156-5", "Body mass index", "Indice de masse corporelle", 17, 38, "kg/m2", "kg/m2"),
    ("9279-1", "Respiratory rate", "Fréquence respiratoire", 10, 25, "/min", "/min"),
    ("2708-6", "Oxygen saturation", "Saturation en oxygène", 90, 100, "%", "%"),
    ("8480-6", "Systolic blood pressure", "Pression artérielle systolique", 95, 170, "mmHg", "mm[Hg]"),
    ("8462-4", "Diastolic blood pressure", "Pression artérielle diastolique", 55, 105, "mmHg", "mm[Hg]"),
]
LABS = [
    ("2339-0", "Glucose [Mass/volume] in Blood", "Glycémie", 70, 180, "mg/dL", "mg/dL"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "Hémoglobine glyquée (HbA1c)", 4, 10, "%", "%"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "Hémoglobine", 10, 17, "g/dL", "g/dL"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "Créatinine", 0.5, 1.6, "mg/dL", "mg/dL"),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "Cholestérol total", 120, 280, "mg/dL", "mg/dL"),
    ("2085-9", "Cholesterol in HDL", "Cholestérol HDL", 30, 90, "mg/dL", "mg/dL"),
    ("18262-6", "Cholesterol in LDL", "Cholestérol LDL", 50, 190, "mg/dL", "mg/dL"),
    ("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "Triglycérides", 50, 300, "mg/dL", "mg/dL"),
    ("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "Protéine C réactive (CRP)", 0, 60, "mg/L", "mg/L"),
    ("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "TSH", 0.3, 6, "mUI/L", "m[IU]/L"),
    ("6690-2", "Leukocytes [#/volume] in Blood", "Leucocytes", 3, 12, "10*3/uL", "10*3/uL"),
    ("777-3", "Platelets [#/volume] in Blood", "Plaquettes", 130, 420, "10*3/uL", "10*3/uL"),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "Potassium", 3.3, 5.4, "mmol/L", "mmol/L"),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "Sodium", 132, 147, "mmol/L", "mmol/L"),
    ("1742-6", "Alanine aminotransferase", "ALAT", 8, 90, "U/L", "U/L"),
    ("33914-3", "Glomerular filtration rate/1.73 sq M.predicted", "DFG estimé", 40, 120, "mL/min/1,73m2", "mL/min/{1.73_m2}"),
]
DRUGS = [
    ("N02BE01", "161", "Paracetamol 1 g tablet", "Paracétamol 1000 mg, comprimé", "1 comprimé si douleur, jusqu'à 3 fois par jour"),
    ("C10AA05", "617312", "Atorvastatin 20 MG Oral Tablet", "Atorvastatine 20 mg, comprimé pelliculé", "1 comprimé le soir"),
    ("A10BA02", "860975", "Metformin hydrochloride 500 MG Oral Tablet", "Metformine 500 mg, comprimé", "1 comprimé matin et soir pendant les repas"),
    ("C09AA05", "261962", "Ramipril 5 MG Oral Capsule", "Ramipril 5 mg, gélule", "1 gélule le matin"),
    ("C07AB07", "854901", "Bisoprolol fumarate 5 MG Oral Tablet", "Bisoprolol 5 mg, comprimé", "Take one tablet daily in the morning"),
    ("H03AA01", "966224", "Levothyroxine sodium 0.075 MG Oral Tablet", "Lévothyroxine 75 µg, comprimé", "1 comprimé le matin à jeun"),
    ("J01CA04", "308182", "Amoxicillin 250 MG Oral Capsule", "Amoxicilline 1 g, comprimé dispersible", "1 comprimé 3 fois par jour pendant 7 jours"),
    ("R03AC02", "745679", "Albuterol 0.09 MG/ACTUAT inhaler", "Salbutamol 100 µg/dose, suspension pour inhalation", "2 puffs every 4 hours as needed"),
    ("A02BC01", "198051", "Omeprazole 20 MG Oral Capsule", "Oméprazole 20 mg, gélule gastrorésistante", "Take one capsule before breakfast"),
    ("B01AC06", "243670", "Aspirin 81 MG Oral Tablet", "Acide acétylsalicylique 75 mg", "1 sachet par jour"),
]
CONDITIONS = [
    ("38341003", "I10", "Hypertensive disorder", "Hypertension artérielle"),
    ("44054006", "E11", "Diabetes mellitus type 2", "Diabète de type 2"),
    ("195967001", "J45", "Asthma", "Asthme"),
    ("55822004", "E78.5", "Hyperlipidemia", "Hyperlipidémie"),
    ("10509002", "J20", "Acute bronchitis (disorder)", "Bronchite aiguë"),
    ("444814009", "J01", "Viral sinusitis (disorder)", "Sinusite virale"),
    ("40930008", "E03.9", "Hypothyroidism", "Hypothyroïdie"),
    ("37796009", "G43", "Migraine", "Migraine"),
    ("162864005", "E66", "Body mass index 30+ - obesity (finding)", "Obésité"),
    ("35489007", "F32", "Depressive disorder", "Épisode dépressif"),
]
ALLERGIES = [("91936005", "Allergy to penicillin", "Allergie à la pénicilline"), ("91935009", "Allergy to peanuts", "Allergie aux arachides"),
             ("232347008", "Dander (animal) allergy", "Allergie aux poils d'animaux"), ("418689008", "Allergy to grass pollen", "Allergie aux graminées")]
VACCINES = [("140", "Influenza, seasonal, injectable, preservative free", "Grippe saisonnière"), ("115", "Tdap", "Diphtérie, tétanos, coqueluche, poliomyélite"),
            ("03", "MMR", "Rougeole, oreillons, rubéole"), ("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose", "COVID-19"), ("08", "Hep B, adolescent or pediatric", "Hépatite B")]
PROCEDURES = [("428191000124101", "Documentation of current medications"), ("73761001", "Colonoscopy"), ("80146002", "Appendectomy"),
              ("76601001", "Intramuscular injection"), ("430193006", "Medication Reconciliation (procedure)"), ("24623002", "Mammographie de dépistage")]
ENCOUNTERS = [("185349003", "Encounter for check up (procedure)"), ("185345009", "Encounter for symptom"), ("162673000", "General examination of patient (procedure)"),
              ("11429006", "Consultation de médecine générale")]
DOCUMENTS = [("11502-2", "Laboratory report", "CR d'examens biologiques"), ("18748-4", "Diagnostic imaging study", "CR d'imagerie médicale"),
             ("57833-6", "Prescription for medication", "Prescription de produits de santé"), ("34133-9", "Summary of episode note", "Lettre de liaison à la sortie"),
             ("60591-5", "Patient summary Document", "Volet de synthèse médicale"), ("11488-4", "Consultation note", "CR de consultation")]
NAMES = [("Martin", "Zoé"), ("Bernard", "Lucas"), ("Durand", "Camille"), ("Smith", "Emma"), ("Jones", "Oliver"), ("Petit", "Jean-Baptiste"), ("Garcia", "Inès")]
FILES = ["export.json", "bundle.json", "mon-espace-sante.json", "resultats-labo.json", "patient.ndjson", "Observation.ndjson", "fhir.json", "ordonnance.json"]

rng = random.Random(1)


def new_id():
    return str(uuid.UUID(int=rng.getrandbits(128), version=4)) if rng.random() < 0.8 else str(rng.randrange(10**6))


def reference(kind, ident=None):
    ident = ident or new_id()
    return {"reference": rng.choice(["urn:uuid:" + ident, kind + "/" + ident, kind + "/" + ident])}


def date():
    return f"{rng.randrange(1990, 2027)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


def moment():
    clock = f"T{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    return date() + clock + rng.choice(["+01:00", "+02:00", "+00:00", "Z", "-05:00", ".000Z", ".000+01:00"])


def concept(system, code, *displays):
    display = rng.choice(displays)
    made = {"coding": [{"system": system, "code": code, "display": display}]}
    if rng.random() < 0.7:
        made["text"] = display
    return made


def coded(system, code, display=None):
    coding = {"system": system, "code": code}
    if display and rng.random() < 0.8:
        coding["display"] = display
    return {"coding": [coding]}


def quantity(low, high, unit, code):
    value = round(rng.uniform(low, high), rng.choice([0, 1, 1, 2]))
    return {"value": int(value) if value == int(value) else value, "unit": unit, "system": UCUM, "code": code}


def observation(patient):
    vital = rng.random() < 0.5
    code, english, french, low, high, unit, ucum = rng.choice(VITALS if vital else LABS)
    made = {"resourceType": "Observation", "id": new_id()}
    if rng.random() < 0.3:
        made["meta"] = {"versionId": "1", "lastUpdated": moment()}
        if rng.random() < 0.5:
            made["meta"]["profile"] = ["http://hl7.org/fhir/StructureDefinition/vitalsigns" if vital else "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]
    made["status"] = rng.choice(["final", "final", "final", "preliminary", "amended"])
    made["category"] = [coded(TERM + "observation-category", *(("vital-signs", "Vital Signs") if vital else ("laboratory", "Laboratory")))]
    made["code"] = concept(LOINC, code, english, french)
    made["subject"] = reference("Patient", patient)
    if rng.random() < 0.5:
        made["encounter"] = reference("Encounter")
    made["effectiveDateTime"] = rng.choice([moment, date])()
    if rng.random() < 0.5:
        made["issued"] = moment()
    if rng.random() < 0.3:
        made["performer"] = [reference(rng.choice(["Practitioner", "Organization"]))]
    if rng.random() < 0.12:
        made["component"] = [{"code": concept(LOINC, v[0], v[1], v[2]), "valueQuantity": quantity(*v[3:])} for v in VITALS[-2:]]
    elif rng.random() < 0.05:
        made["valueString"] = rng.choice(["Négatif", "Positif", "<1.0 mg/L", "Negative", "Never smoker"])
    else:
        made["valueQuantity"] = quantity(low, high, unit, ucum)
    if not vital and rng.random() < 0.5:
        made["interpretation"] = [coded(V3 + "ObservationInterpretation", *rng.choice([("N", "Normal"), ("H", "High"), ("L", "Low")]))]
        made["referenceRange"] = [{"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}}]
    if rng.random() < 0.1:
        made["note"] = [{"text": rng.choice(["Mesure à domicile", "À jeun", "Home measurement", "Fasting"])}]
    return made


def medication(patient):
    atc, rxnorm, english, french, dose = rng.choice(DRUGS)
    drug = rng.choice([concept(ATC, atc, english, french), concept(RXNORM, rxnorm, english), concept(CIP, "34009" + str(rng.randrange(10**7, 10**8)), french)])
    if rng.random() < 0.5:
        made = {"resourceType": "MedicationStatement", "id": new_id(), "status": rng.choice(["active", "active", "completed", "stopped"]),
                "medicationCodeableConcept": drug, "subject": reference("Patient", patient)}
        made.update(rng.choice([{"effectivePeriod": {"start": date()}}, {"effectivePeriod": {"start": date(), "end": date()}}, {"effectiveDateTime": date()}]))
        made["dateAsserted"] = date()
        if rng.random() < 0.5:
            made["informationSource"] = reference("Patient", patient)
        made["dosage"] = [{"text": dose, "timing": {"repeat": {"frequency": rng.randrange(1, 4), "period": 1, "periodUnit": "d"}},
                           "doseAndRate": [{"doseQuantity": {"value": 1, "unit": rng.choice(["comprimé", "gélule", "tablet"])}}]}]
        return made
    made = {"resourceType": "MedicationRequest", "id": new_id(), "status": rng.choice(["active", "stopped", "completed"]), "intent": "order",
            "medicationCodeableConcept": drug, "subject": reference("Patient", patient), "encounter": reference("Encounter"), "authoredOn": moment(),
            "requester": reference("Practitioner")}
    if rng.random() < 0.7:
        made["dosageInstruction"] = [{"sequence": 1, "text": dose, "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "asNeededBoolean": False,
                                      "doseAndRate": [{"type": coded(TERM + "dose-rate-type", "ordered", "Ordered"), "doseQuantity": {"value": 1}}]}]
    return made


def condition(patient):
    snomed, icd, english, french = rng.choice(CONDITIONS)
    made = {"resourceType": "Condition", "id": new_id(), "clinicalStatus": coded(TERM + "condition-clinical", rng.choice(["active", "resolved", "inactive"])),
            "verificationStatus": coded(TERM + "condition-ver-status", "confirmed"),
            "category": [coded(TERM + "condition-category", *rng.choice([("encounter-diagnosis", "Encounter Diagnosis"), ("problem-list-item", "Problem List Item")]))],
            "code": rng.choice([concept(SNOMED, snomed, english, french), concept(ICD10, icd, french)]), "subject": reference("Patient", patient)}
    if rng.random() < 0.6:
        made["encounter"] = reference("Encounter")
    made["onsetDateTime"], made["recordedDate"] = moment(), moment()
    return made


def allergy(patient):
    code, english, french = rng.choice(ALLERGIES)
    return {"resourceType": "AllergyIntolerance", "id": new_id(), "clinicalStatus": coded(TERM + "allergyintolerance-clinical", "active"),
            "verificationStatus": coded(TERM + "allergyintolerance-verification", "confirmed"), "type": "allergy", "category": [rng.choice(["food", "medication", "environment"])],
            "criticality": rng.choice(["low", "high"]), "code": concept(SNOMED, code, english, french), "patient": reference("Patient", patient), "recordedDate": date(),
            "reaction": [{"manifestation": [concept(SNOMED, "247472004", "Hives", "Urticaire")], "severity": "moderate"}]}


def immunization(patient):
    code, english, french = rng.choice(VACCINES)
    return {"resourceType": "Immunization", "id": new_id(), "status": "completed", "vaccineCode": concept(CVX, code, english, french), "patient": reference("Patient", patient),
            "encounter": reference("Encounter"), "occurrenceDateTime": rng.choice([moment, date])(), "primarySource": True, "lotNumber": "AB" + str(rng.randrange(10**5)),
            "protocolApplied": [{"doseNumberPositiveInt": rng.randrange(1, 4)}]}


def procedure(patient):
    return {"resourceType": "Procedure", "id": new_id(), "status": "completed", "code": concept(SNOMED, *rng.choice(PROCEDURES)), "subject": reference("Patient", patient),
            "encounter": reference("Encounter"), "performedPeriod": {"start": moment(), "end": moment()}}


def encounter(patient):
    return {"resourceType": "Encounter", "id": new_id(), "status": "finished", "class": {"system": V3 + "ActCode", "code": rng.choice(["AMB", "IMP", "EMER", "VR"])},
            "type": [concept(SNOMED, *rng.choice(ENCOUNTERS))], "subject": reference("Patient", patient), "participant": [{"individual": reference("Practitioner")}],
            "period": {"start": moment(), "end": moment()}, "serviceProvider": reference("Organization")}


def report(patient):
    code, english, french = rng.choice(DOCUMENTS)
    if rng.random() < 0.5:
        return {"resourceType": "DiagnosticReport", "id": new_id(), "status": "final", "category": [coded(TERM + "v2-0074", "LAB", "Laboratory")],
                "code": concept(LOINC, code, english, french), "subject": reference("Patient", patient), "effectiveDateTime": moment(), "issued": moment(),
                "performer": [reference("Organization")], "result": [reference("Observation") for _ in range(rng.randrange(1, 4))]}
    return {"resourceType": "DocumentReference", "id": new_id(), "status": "current", "docStatus": "final", "type": concept(LOINC, code, english, french),
            "category": [coded("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note", "Clinical Note")],
            "subject": reference("Patient", patient), "date": moment(), "author": [reference("Practitioner")], "description": french,
            "content": [{"attachment": {"contentType": "application/pdf", "language": "fr", "url": "Binary/" + new_id(), "title": french}}]}


def person(patient):
    family, given = rng.choice(NAMES)
    return {"resourceType": "Patient", "id": patient, "identifier": [{"use": "official", "system": "urn:oid:1.2.250.1.213.1.4.8", "value": str(rng.randrange(10**12, 3 * 10**12))}],
            "active": True, "name": [{"use": "official", "family": family, "given": [given]}], "telecom": [{"system": "phone", "value": "06" + str(rng.randrange(10**8)), "use": "mobile"}],
            "gender": rng.choice(["female", "male"]), "birthDate": date(), "address": [{"use": "home", "line": [str(rng.randrange(99)) + " rue de la Paix"], "city": "Lyon", "postalCode": "69003", "country": "FR"}]}


def practitioner(_):
    family, given = rng.choice(NAMES)
    if rng.random() < 0.4:
        return {"resourceType": "Organization", "id": new_id(), "active": True, "type": [coded(TERM + "organization-type", "prov", "Healthcare Provider")], "name": rng.choice(["Laboratoire de biologie médicale", "Centre hospitalier", "Pharmacie"])}
    return {"resourceType": "Practitioner", "id": new_id(), "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": str(rng.randrange(10**10, 2 * 10**10))}], "active": True,
            "name": [{"family": family, "given": [given], "prefix": ["Dr"]}]}


KINDS = [observation] * 12 + [medication] * 7 + [condition] * 3 + [allergy, immunization, immunization, procedure, procedure, encounter, encounter, report, report, person, practitioner]


def cbor_head(major, value):
    for bits, info in ((5, None), (8, 24), (16, 25), (32, 26), (64, 27)):
        if info is None and value < 24:
            return bytes([major << 5 | value])
        if info is not None and value < 1 << bits:
            return bytes([major << 5 | info]) + value.to_bytes(bits // 8, "big")
    raise ValueError(value)


def cbor(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    return cbor_head(4, len(value)) + b"".join(map(cbor, value))


def recorded_at():
    return rng.randrange(1_760_000_000_000, 1_900_000_000_000)


def resource_change():
    patient = new_id()
    count = rng.choice([1, 1, 1, 1, 1, 2, 3])
    indent = 2 if rng.random() < 0.1 else None
    separators = (",", ": ") if indent else rng.choice([(",", ":"), (",", ":"), (",", ":"), (", ", ": ")])
    bodies, items = [], []
    for position in range(count):
        resource = rng.choice(KINDS)(patient)
        bodies.append(json.dumps(resource, ensure_ascii=False, separators=separators, indent=indent).encode())
        full_url = rng.choice([None, None, "urn:uuid:" + resource["id"]])
        items.append([0, [0, "", full_url, position]])
    origin = [rng.choice(FILES), rng.choice(["fhir-json", "fhir-json", "fhir-ndjson"]), bytes(32) if rng.random() < 0.3 else rng.randbytes(32)]
    return cbor([1, recorded_at(), [origin], items, bodies])


def edit_change(edit):
    category = rng.choice(["laboratory", "prescription", "dispensation", "imaging", "discharge", "patient-summary", "vital-signs", "profile"])
    return cbor([1, recorded_at(), [], [[1, [rng.randbytes(16), category, rng.randrange(2025, 2032), 0]]], [edit]])


def main():
    samples, target = Path(sys.argv[1]), sys.argv[2]
    edits = sorted(path.read_bytes() for path in samples.glob("edit-*.bin"))
    changes = [resource_change() for _ in range(CHANGES)] + [edit_change(edit) for edit in edits]
    paths = []
    for number, change in enumerate(changes):
        path = samples / f"change-{number:05}.bin"
        path.write_bytes(change)
        paths.append(path)
    command = ["zstd", "--train-fastcover=k=1024,d=8", f"--maxdict={DICTIONARY_BYTES}", "-19", "--dictID=1", "-q", "-f", "-o", target, "-r", str(samples)]
    for path in samples.glob("edit-*.bin"):
        path.unlink()
    subprocess.run(command, check=True)


main()
