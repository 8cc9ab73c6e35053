//! English notes of the unseen family, those without a name among them. Used by `unseen`.
//! Invariant: see there.

/// The notes.
pub(in crate::screen::quality) const NOTES: &[&str] = &[
    // Admission, history, ward rounds.
    "{A} is a 67-year-old man with a background of COPD and type 2 diabetes who presents with three days of worsening \
     breathlessness and a productive cough.",
    "HPI: Mr. {M.last} is a 58 y/o male with PMH significant for HTN, HLD, and prior CABG who presents with substernal \
     chest pain radiating to the left arm. His wife, {F}, called 911.",
    "Thank you for asking us to see Mrs {F.last}, who was admitted with decompensated heart failure. {F} lives alone and \
     usually manages her own medication.",
    "ADMISSION NOTE
Patient: {A.turned}
Attending: {B}, MD
Chief complaint: abdominal pain x 2 days",
    "PATIENT NAME: {A.caps}
SEX: F
CHIEF COMPLAINT: DIZZINESS AND FALLS
HISTORY OF PRESENT ILLNESS: THE PATIENT IS A PLEASANT 72-YEAR-OLD WOMAN.",
    "WR Dr {B.last} / SpR {C.last}\nD3 post lap chole. Obs stable, afebrile. Eating and drinking. Plan: home today, TTOs done.",
    "Ward round: Prof {A.last}, Dr {B} (ST6), {C} (FY1), S/N {D.first}. Patient comfortable. NEWS 1. Continue IV co-amoxiclav.",
    "Seen with Dr. {B.last} on morning rounds. Ms. {F.last} reports less nausea but is still not tolerating solids.",
    "Overnight {A.first} had two further seizures, both self-terminating within a minute. Levetiracetam was increased to 1 g BD.",
    "Informant: patient's daughter {F} (lives in the same house). According to {F.first}, her father {M.first} has been \
     forgetting appointments since last winter.",
    "Discussed with {B} from cardiology, who advised holding the bisoprolol and repeating the echo on Monday.",
    "S: {A.first} says the pain is 'about the same'. O: wound clean and dry. A: slow progress. P: physio bd, review with {B.last} tomorrow.",
    "Impression: Guillain-Barre syndrome. D/w neurology reg ({B}) - for IVIG, twice daily FVC. Family updated by Dr {C.last}.",
    // Nursing and handover.
    "Bed {bed-number=4}: {A}, 81F, #NOF, day 2. Catheter out, ?UTI. Daughter {F.first} visiting this pm.",
    "Handover: {A.last} in side room 2 is barrier nursed for C. diff. {B.last} next door needs 2-hourly turns.",
    "pt {A.lower} settled overnight, no c/o pain, obs 4 hrly, iv abx given as charted. daughter {F.lower} phoned x2",
    "Nursing note. {A.first} refused breakfast but accepted Ensure. Assisted to chair with {B.first} and {C.first}. Skin intact. \
     RN {D}",
    "02:15 called to bedside by HCA {A.first}. Pt found on floor beside commode. No LOC. Dr {B.last} informed, neuro obs commenced.",
    "Meds given late as pharmacy closed. Witnessed by {A}, RN. Wasted 2 mg morphine with {B.initial}.",
    "Wound care: {A}'s sacral sore now grade 2, 2 x 3 cm, sloughy base. Aquacel applied, tissue viability nurse {B} to review.",
    "NOK: {A} (son) - aware. Second contact: {B} (neighbour), {phone}.",
    "i/c nurse tonight is {A.first}, bleep holder {B}. please let {C.first} know about the broken Hoover",
    // Letters.
    "Dear Dr {B.last},\n\nRe: {A}\n\nThank you for referring this pleasant gentleman with a six-month history of dysphagia.",
    "Dear {B},\nI saw {A} in the epilepsy clinic today accompanied by her partner, {M}. She has been seizure free for 14 months.\n\
     Yours sincerely,\n{C}\nConsultant Neurologist",
    "Dear Colleague, please could you see {A} urgently? She has a new hoarse voice and is a heavy smoker. With thanks, Dr {B}",
    "{A}, GP Partner
cc: {B}, practice manager",
    "Yours sincerely\n\nDictated but not signed to avoid delay\n\n{A.initial}, FRCS\nConsultant Orthopaedic Surgeon",
    "To whom it may concern: this is to certify that {A} is under my care for rheumatoid arthritis and is unfit for work. \
     Signed, {B}, M.D.",
    "I reviewed {A} and his mother in the asthma clinic. {A.first} has been using his blue inhaler most nights. Mum, {F}, \
     is worried about the dog.",
    "We would be grateful if you would take over the care of {M.turned}, who has moved to your area to live with his sister.",
    // Discharge.
    "DISCHARGE SUMMARY\nName: {A}\nConsultant: {B.last}\nDiagnosis: Left lower lobe pneumonia\nFollow up: chest x-ray in 6 weeks",
    "Mr. {M.last} was discharged home in stable condition with his brother {N}. He will follow up with Dr. {B} in two weeks.",
    "Hospital course: {A.last} was taken to the OR by Dr. {B.last} for an open reduction. EBL 200 mL. No complications.",
    "{A} was a delight to look after. Many thanks to {B} and the team on Cedar Ward for their help with the discharge.",
    "Follow-up appointments: 1) {A}, NP, wound check 2) Dr. {B}, endocrinology 3) INR clinic",
    "This {age-over-89=94}-year-old lady, {F}, was brought in by ambulance after a fall at Willow Court care home. Her niece {G} is LPA.",
    // Sign-offs.
    "CT HEAD: No acute intracranial haemorrhage or territorial infarct.\nReported by: {A}, Consultant Radiologist",
    "Impression: 1. No PE. 2. Small right effusion. Findings were communicated to {B} by {A} by telephone at 1432 hours.",
    "Electronically signed by {A}, MD on {date=11/04/2026} 16:22",
    "/es/ {A.caps}\nSTAFF PHYSICIAN\nCosigned: {B.turnedcaps}",
    "Specimen received in formalin labelled '{A.turned}, left breast core'. Pathologist: {B}",
    "Gram stain: Gram-positive cocci in clusters. Called to {A.first} in ED, read back. Tech: {B.initialafter}",
    "Sonographer: {A}    Chaperone: {B}    Single live intrauterine pregnancy, CRL 62 mm.",
    "Dictated by: {A}; transcribed by: {B.lower}; verified: {C.initial}",
    "Scrubbed: {A.last}, {B.last}. Anaesthetist: {C.last}. Procedure: right hemiarthroplasty. Cemented stem, Thompson approach.",
    // Consent and complaints.
    "I, {A}, consent to the procedure of colonoscopy with possible polypectomy. The risks have been explained to me by Dr {B.last}.",
    "Witness to signature: {A} (staff nurse). Interpreter: {B}, Tamil.",
    "Complaint received from {A} regarding the care of his late mother, {F}. He states that nurse '{G.first}' was dismissive and \
     that nobody answered the bell.",
    "PALS: caller {A} unhappy about cancelled op. Explained list overran. Apologised on behalf of {B}'s secretary.",
    "Incident: wrong wristband. {A} was given the band of {B}. Spotted by phlebotomist {C} before the sample was taken.",
    "Patient left AMA. Form signed in the presence of {A}, RN, and Security Officer {B.last}.",
    // Phone and chat.
    "T/C to {A}. No answer, voicemail left asking her to ring back re bloods.",
    "Spoke w/ pt's husband {M} by phone. He's concerned re: {F.first}'s low mood since starting prednisone. Will bring her in.",
    "hi {A.firstlower}, can you chase {B.lastlower}'s troponin pls, she's in resus 3",
    "{A}: did anyone tell the {person-name=Patel} family about the scan?\n{B}: I did, {C.first} was with me\n{A}: ok thanks",
    "[08:41] {A.first}: K+ 6.2 on the lady in 9\n[08:42] {B.first}: calcium gluconate going up now\n[08:44] {A.first}: legend",
    "@{A.first} could you cover clinic for {B.first} on Thursday? She's at her daughter's graduation.",
    "Hello doctor, this is {A}, I had my gallbladder out last month and the scar is still oozing. Should I be worried? Thanks, {A.first}",
    "Telephone triage: mother of {A} (aged 3) reports barking cough and noisy breathing. Advised to attend. Call taker {B}.",
    // E-mail.
    "From: {A}\nTo: {B}\nCc: {C.turned}\nSubject: bed pressures\n\nHi {B.first},\nWe are on OPEL 4 again, can you free anything up?\n\nBest,\n{A.first}",
    "Hi all,\n\nPlease welcome {A}, who joins us as a locum haematologist from Monday.\n\nKind regards\n{B}\nService Manager",
    "{A.first} - pls see below from the coroner's officer re Mr {M.last}. Statement needed by Friday. {B.first}",
    // Family history and genetics.
    "FHx: father {M} died of an MI at 52; mother {F} alive with Alzheimer disease; brother {N.first} has Crohn's.",
    "Pedigree: proband {A}; sibs {B.first}, {C.first}; maternal aunt {F.first} dx ovarian ca at 44; paternal cousin {G} carrier.",
    "Twin A ({A}) weighed 2.1 kg and twin B ({B}) 1.9 kg. Both babies to SCBU with their mother, {F}.",
    "He was named {M.first} after his grandfather, {N}, who had haemophilia.",
    // Social work and mental health.
    "SW note: met with {A} and foster carer {B}. {A.first} disclosed that stepfather {M.first} had hit {C.first} with a belt.",
    "Client {A.last} was evicted in spring and is staying with an ex-partner, {B.first}. Referred to the housing officer, {C}.",
    "MSE: {A.first} was casually dressed, with good eye contact. Denied SI. Probation officer {B} has been informed.",
    "Capacity assessment undertaken by {A} (social worker) with {B} (IMCA) present. {M} could not retain the information.",
    "Pt known as '{A.first}' but registered as {B}. Prefers they/them.",
    "Best interests meeting held. Present: {A} (son), {B} (daughter-in-law), {C} (ward manager), {D} (OT), {E} (chaplain).",
    // Meetings and rota.
    "MDT {date=6 November 2026}\nPresent: {A.last}, {B.last}, {C.last}, {D.last}\nCase 1: {E}, 71, sigmoid adenocarcinoma T3N1. Plan: adjuvant CAPOX.",
    "Apologies: {A}, {B}. Minutes taken by {C}. Action: {A.last} to circulate the sepsis audit.",
    "Rota w/c Monday: Mon {A.last}, Tue {B.last}, Wed {C.last}, Thu {D.last}, Fri {E.last}. Swaps via {A.first} please.",
    "Night team: med reg {A}, SHO {B}, FY1 {C.first}. Crash bleep tested 21:00.",
    "M&M: {A} presented. {B} asked whether the leak could have been picked up earlier. {C} felt that the CT had been over-called.",
    // Tables and key-value lists.
    "name: {A.lower}\nage: 44\ndx: cellulitis\ngp: dr {B.lastlower}",
    "Patient|DOB|Consultant\n{A.turned}|{date=12/03/1961}|{B.last}\n{C.turned}|{date=30/07/1948}|{D.last}",
    "id,first_name,last_name,diagnosis\n1,{A.first},{A.last},asthma\n2,{B.first},{B.last},gout\n3,{C.first},{C.last},sepsis",
    "Surgeon:\t{A}\nAssistant:\t{B}\nScrub nurse:\t{C.initial}\nImplant:\tExeter size 2",
    "{open}\"patient\": \"{A}\", \"sex\": \"M\", \"pcp\": \"{B}\", \"allergies\": [\"penicillin\"]{close}",
    "Emergency contact {A}, relationship: spouse, tel {phone}. Pharmacy: Boots, High Street.",
    "Theatre list\n1. {A.listed} - R inguinal hernia\n2. {B.listed} - lap chole\n3. {C.listed} - lipoma",
    // Dictation, teaching, research.
    "This is doctor {A} dictating on patient {B} new paragraph the patient is a forty five year old woman comma gravida two para one",
    "A patient of mine, {A}, 34, has pernicious anaemia and is now pregnant. {B}, our dietician, suggests oral B12. What would you advise?",
    "Case presented by {A} and {B}, Department of Nephrology. The patient, {C}, consented to publication.",
    "Paramedics {A.first} and {B.first} report that bystander {C} started CPR within two minutes. ROSC after one shock.",
    "{F}, nee {G.last}, was a midwife here until 1998.",
    // Nobody is named.
    "Longstanding Parkinson disease on Sinemet and Madopar. Hoehn and Yahr stage 3. No Lewy body features.",
    "14 Fr Foley catheter inserted under aseptic technique, residual 650 mL. Hickman line flushed. Jackson-Pratt drain 40 mL.",
    "Crohn's disease with a Bristol type 6 stool. Wilson's disease excluded: caeruloplasmin normal, no Kayser-Fleischer rings.",
    "Marked Murphy's sign, negative McBurney's point tenderness. Glasgow-Blatchford score 2, Child-Pugh A.",
    "Blood cultures grew Klebsiella and Escherichia coli; sensitive to Gentamicin and Meropenem, resistant to Ciprofloxacin.",
    "Transferred from Johns Hopkins to St Mary's via Great Ormond Street. Awaiting a bed on Nightingale Ward.",
    "Given Augmentin, Ventolin and Solu-Medrol in the ED. Home on Xarelto, Lipitor and Jardiance.",
    "Discharged to Rose Garden Nursing Home. District nurse to remove staples. Social worker aware.",
    "Kaplan-Meier curves and Cox regression were used; Mann-Whitney U for skewed data. Bland-Altman plots are shown in the appendix.",
    "Bell's palsy, House-Brackmann grade IV. Prednisolone started; eye care advice given. Ramsay Hunt unlikely as no vesicles.",
    "Swan-Ganz catheter floated; wedge 18 mmHg. Swan and arterial line to stay. Starling curve discussed at teaching.",
    "Weber lateralises to the right, Rinne negative. Romberg negative. Hallpike positive: Epley performed.",
    "Patient and husband both attended. Staff Nurse present as chaperone. Consultant to review on Monday.",
    "May need a further dose of Frusemide. Will recheck U&Es in the morning. Mark the leg before theatre and drain the abscess.",
    "Hodgkin lymphoma, Ann Arbor stage IIB; Reed-Sternberg cells seen. For ABVD under Haematology at the Christie.",
    "Marfan syndrome with a dilated root (Z score 3.2). Losartan commenced, follow-up by Clinical Genetics.",
    "Whipple's performed for a head of pancreas mass; Roux-en-Y reconstruction. Kocher manoeuvre straightforward.",
    "Pfizer booster given in the left deltoid. No Epstein-Barr, no Lyme. Mantoux 0 mm. Quantiferon pending.",
];
