//! Frequent English and international first and last names, written down by hand and not taken from a list
//! that could be cited. Used by `vocabulary`. Data only; no name that is also an everyday or medical word,
//! and none that stands in another list of the vocabulary.

/// First names.
pub(super) const FIRST: &str = "priya wei fatima carlos aisha hiroshi olga pedro ingrid kwame mohammed muhammad ahmed ali \
    hassan omar ibrahim youssef khalid mustafa abdul yusuf amina leila layla zainab mariam yasmin \
    noor hana salma rania ravi raj amit anil sanjay vijay rahul arjun rohan suresh ramesh deepak \
    ashok kumar anita sunita neha pooja lakshmi meera kavita anjali divya shreya nisha rekha geeta \
    luis miguel jorge francisco manuel antonio javier diego fernando ricardo eduardo roberto \
    alejandro rafael pablo sergio andres raul hector oscar enrique ramon mario marco guadalupe \
    carmen rosa lucia elena sofia isabel ana ximena valentina camila daniela mariana gabriela ivan \
    dmitri sergei vladimir alexei nikolai mikhail boris yuri igor natasha svetlana irina tatiana \
    natalia ekaterina anastasia galina ludmila nadia anya katya piotr pawel tomasz krzysztof \
    andrzej agnieszka katarzyna malgorzata zofia ewa hans klaus jurgen wolfgang dieter heinz fritz \
    otto karl ludwig stefan matthias greta heidi ursula helga gisela sven lars erik bjorn nils \
    anders olaf astrid freya sigrid kirsten pierre jacques francois philippe michel claude antoine \
    luc etienne marcel amelie chloe camille celine giulia giovanni giuseppe luigi paolo francesca \
    chiara alessandro matteo lorenzo kenji takashi akira yuki haruki satoshi takeshi naoko yoko \
    keiko sakura emiko michiko ming jian hui xin mei xiaoming lihua minh linh thanh huong nguyet \
    tuan duc hyun jiwoo minjun seojun jihoon kofi kwesi akua abena chidi ngozi chinedu emeka ifeoma \
    adaeze oluwaseun tunde folake babatunde amara zola thabo nomsa sipho tendai margarita beatriz \
    mateo santiago sebastian nicolas liam aiden caden lucas oliver owen isaac levi caleb connor \
    evan ian gavin cody travis derek marcus curtis clarence ernest leonard stanley francis norman \
    louis victor martin howard fred frederick leroy earl melvin edwin herbert alfred bernard \
    clifford glenn glen leon lloyd marvin maurice milton morris neil nelson rodney ross sidney \
    theodore vernon warren wesley allan alvin arnold barry calvin cecil chester clayton darryl \
    dwight edgar floyd gordon harvey herman hugh jerome jimmy johnny lester lewis luther malcolm \
    nathaniel randall reginald rudolph ruben salvador shane shawn stuart tim tom todd tony tracy \
    troy wallace wilbur ava mia harper ella zoe riley aubrey zoey nora ellie lucy leah naomi maya \
    eleanor audrey claire caroline clara vivian sadie lydia josephine edith ethel florence gladys \
    hilda ida irene lillian lois louise lucille mabel mildred minnie myrtle pauline phyllis rita \
    roberta ruth sally sylvia thelma wanda yvonne bernice bessie bonnie carla cindy connie darlene \
    deanna eileen elaine ellen erica erin esther fay felicia gail geraldine gina gwen jackie jane \
    jenny jill joann josie juanita kathy katie kim kristen kristin lena leslie loretta lorraine \
    lynn marcia marion marjorie marlene maureen maxine melanie melinda michele molly monica myra \
    nina paula peggy priscilla regina renee rhonda sherry sheila shelley sonia stacy suzanne tammy \
    tanya terri tiffany tina toni valerie vanessa veronica vicki whitney wilma yolanda mike mick \
    dave steve chris matt dan ben sam alex nick bob jim joey tommy andy pete greg jeff ken ron jess \
    jen liz beth becky meg kate patty debbie";

/// Last names.
pub(super) const LAST: &str = "smith johnson williams jones garcia miller davis rodriguez martinez hernandez lopez gonzalez \
    gonzales wilson anderson taylor moore jackson lee perez thompson sanchez harris clark ramirez \
    robinson walker allen torres nguyen flores adams rivera campbell mitchell carter gomez phillips \
    evans diaz parker edwards collins reyes stewart morales murphy rogers gutierrez ortiz morgan \
    cooper peterson bailey ramos richardson watson brooks chavez bennett mendoza ruiz hughes \
    alvarez castillo sanders patel myers foster jimenez powell jenkins perry sullivan coleman \
    butler henderson vasquez simmons romero patterson hamilton graham reynolds griffin moreno hayes \
    bryant herrera gibson ellis tran medina aguilar stevens murray castro owens harrison fernandez \
    mcdonald washington kennedy vargas chen freeman webb tucker guzman crawford olson simpson \
    porter mendez silva shaw snyder dixon munoz hicks holmes palmer wagner robertson boyd salazar \
    mills meyer schmidt garza daniels ferguson nichols stephens soto weaver gardner payne dunn \
    kelley spencer hawkins pierce hansen peters santos elliott cunningham duncan armstrong hudson \
    carroll andrews alvarado delgado perkins hoffman johnston matthews pena richards contreras \
    willis carpenter sandoval guerrero chapman rios estrada ortega watkins greene nunez wheeler \
    valdez burke larson maldonado morrison franklin carlson austin dominguez carr lawson jacobs \
    obrien lynch montgomery jensen williamson espinoza howell wong reid hanson mccoy garrett burton \
    fuller wang weber welch rojas marquez yang padilla walsh bowman schultz fowler mejia brown \
    white o'connor o'brien o'neill o'reilly o'malley mccarthy mckenzie macdonald fitzgerald okafor \
    okonkwo adeyemi adebayo nwosu mensah owusu boateng asante diallo traore keita mwangi kamau \
    otieno ndlovu dlamini moyo kowalski nowak wisniewski zielinski lewandowski wojcik kaminski \
    haddad khoury nasser mansour saleh hussein khan rahman malik sheikh qureshi siddiqui yamamoto \
    tanaka suzuki watanabe takahashi nakamura kobayashi sato kato yoshida svensson andersson \
    johansson lindqvist larsen nielsen olsen pedersen lund sharma gupta singh reddy rao iyer nair \
    mehta shah desai joshi chopra kapoor banerjee mukherjee chatterjee ivanov petrov sokolov volkov \
    popov kuznetsov smirnov schneider fischer mueller muller schulz zimmermann krause rossi russo \
    ferrari esposito bianchi romano colombo ricci dubois moreau laurent lefebvre fournier girard \
    bonnet pereira oliveira ferreira almeida carvalho zhang liu zhao huang zhou zhu chang cheng \
    chan cheung leung lam choi jung kang yoon pham hoang";
