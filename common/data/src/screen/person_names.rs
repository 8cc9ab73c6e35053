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

/// More first names, of more countries.
pub(super) const MORE_FIRST: &str = "aaliyah abby abel abram abraham ada adela adele adrian adriana adrienne agatha agnes aileen aimee \
    alana alberta aldo alejandra alfonso alfredo alicia alina alisa alison alistair allison alma alonzo \
    althea alyssa amalia amani amari amos anabel anastasios angelica angelina angelo angus annabelle \
    anne annette annie ansel antonia araceli archie ariana ariel arlene arlo armando arnulfo arturo asha \
    asher ashton audra augusta augustin aurelio aurora avery axel aziz bailee barbra barney basil \
    beatrice beata becca belinda benedict benita benny bennie bernadette bernardo bertha bertie bette \
    beulah bev bianca billie blanca blanche bobbie brad bradford brady braden branden brandi brandy \
    brendan brent bret brett bria bridget brigid bridgette brooke bruno bryce bryony bryson byron \
    caitlin calla callum camden camilla camron candace candice cara cameron camren carissa carlotta \
    carlton carlyle carmelita cary casey caspian cassandra cassidy cassie catalina cate cathy cecelia \
    cecilia cedric celeste celia cesar chad chandra charlene charlie charmaine chelsea cherie christa \
    christian christie christy chuck claudette claudia claudio cleo clifton clint clinton clive clyde \
    cole colin colleen conor consuelo cora coral cordelia corey corinne cornelia cornelius courtney \
    craig cristina curt cyril cyrus dalton damaris damian damien damon dana dane daphne daria darius \
    darla darnell darrell darren darrin daryl dashawn dax deandre deb debora declan dee deena deidre \
    deja delia delilah delores deloris delphine demetrius desiree desmond deshawn devin devon dewey \
    dexter dina dinah dion dirk dolores dominic dominique dominick donald donnie donovan dora dorian \
    doreen dorothea doug duane dustin dwayne earlene earnest ebony eddie edie edna edwina effie efrain \
    elaina elbert eldon eleanora eli elias elinor elisa elisabeth elise eliza elliot elmer elnora eloise \
    elsa elsie elton elva elvira elvis emanuel emeline emil emilia emiliano emilio emmanuel emmett enid \
    enoch ephraim erick erika erma ernesto ernestine errol esmeralda esperanza essie estelle estella \
    estrella eugenia eula eunice eva evangeline everett ewan ezekiel ezra fabian faisal fanny farah \
    felipe felix ferdinand fern fidel finn fiona flora florencia flynn forrest frankie fran freda \
    freddie freida gabe garth gena genaro geneva genevieve georgette georgina geri germaine gerard \
    gerardo gianna gideon gil gilbert gilberto gilda giles ginevra ginny giovanna gisele glenda glenna \
     goldie grady graciela gregorio gretchen grover guillermo gus gustavo gwendolyn haley \
    halle hamish hank hannelore harlan harley harriet harry hattie hayden helene henrietta henrik herb \
    heriberto hilary hiram hobart holly homer horace hortensia howie hubert hugo humberto \
    ibrahima ike ileana imani imelda imogen ines inez ingeborg ira isadora isaiah isiah ismael itzel \
    jabari jace jacinta jada jaime jamal jameson jamie janelle janette janie janine jared jasmin jasmine \
    jasper javon jayden jayla jayne jeanette jeanne jeannie jenna jennie jeremiah jermaine jerri jerrold \
    jillian jocelyn jodi jodie jody joel johan johanna johnnie jolene jonah jonas jordana josefa \
    josefina josh josiah josue joselyn jovan juana judah judd jude judi jules julianne julian juliana \
    juliet juliette julio julius justina justine kaden kai kaitlyn kamal kamala kara kareem karim karina \
    karla kasey kassandra katelyn katharine kathi katrina kayden kaylee keisha keenan kelli kelsey \
    kelvin kendall kendra kendrick kenia kenny kent kermit kerri kerry khadija kiana kieran kimber kip \
    kirk kirsty kristi kristina kristine kristopher krystal kurt kylie kyra lacey lacy ladonna \
    laila lakeisha lamar lamont lana lance landon lara larissa lashonda latasha latisha latonya latoya \
    latrice laurel lauri laurie lavern laverne lavinia lawanda leann leanna leanne leandro leda lela \
    leland lemuel lennox lenora lenny leo leona leonardo leonor leopold leticia leta lettie liana lidia \
    lila lilah lilian liliana lillie lina lincoln lindsay lindsey lindy lionel lisbeth lissette liza \
    lizbeth lizzie lola lon lonnie lora loren lorena lorene lorna lou louella louie lourdes lowell \
    luciana lucien lucinda lucius lucretia luisa lula lupe luz lyla lyle lynda lyndon lynette lynne \
    mable macy maddie madeleine madeline madelyn mae magdalena maggie mahmoud malachi malinda mallory \
    mamie mandy manuela mara marc marcella marcelo marci marcy marga margery margie margo margot \
    marguerite mariah marian marianne maribel maricela marina maris marisa marisol marissa maritza \
    marjory marla marlon marlin marnie marques marquis marquita marta marty marva maryann marybeth \
    mathilda mathew matilda mattie maude mauricio mavis maximilian maxwell maynard mckenna meagan meghan \
    melba melva mercedes meredith micah micaela mickey miguelina mila milo mina mindy minerva miranda \
    miriam mitch mitzi moira mollie mona monique monroe monte morgana muriel myles myrna nadine \
    nan nanette napoleon natalya nelda nell nellie nelly nestor nettie neva newton nicky nicola \
    nicolette nigel nikita nikki nikolas nila noel noelle nolan nona nontando norbert noreen norma \
    norris nydia oakley octavia octavio odell odessa odette ofelia olen olin ollie omari ophelia \
    oran orlando orville osvaldo oswald otis ottilie ottis paige paloma pam pansy patrice patrina patsy \
    patti paulette payton pearlie penelope penny percy perla perpetua petra phil philomena phoebe \
    presley preston quentin quincy quinn quinton rae rafaela ramona ramiro randal randi raphael raquel \
    rashad rashida raymond raymundo rayna reagan reba rebekah reece reese reggie regan reginaldo \
    reinaldo remy rena renata rene renaldo reuben reyna reynaldo rhea rhiannon rhoda rhys rick rickey \
    ricky rigoberto rina robbie robby rocco rochelle rocio roderick rodger rodolfo rodrigo rogelio \
    roland rolando roman romeo rona ronda ronnie rory rosalia rosalie rosalind rosalinda rosalyn rosanna \
    rosario rosaura roscoe roseann roseanne rosemarie rosemary rosetta rosie roslyn rowan rowena roxana \
    roxanne royce rudy rufus rupert ruthie ryder sabine sabrina sade salvatore sammy samson \
    sanford saoirse sarai sasha saul savannah scarlett scottie selena selina selma serena seth seymour \
    shaina shan shana shanice shania shanna shannon shanta shari sharla sharlene sharron shaun shauna \
    shawna shay shayla sheena shelby sheldon shelia shelly sheree sheri sherman sherri sherrie sherwin \
    shira shirlee siobhan sienna silas silvia simeon simone skyler socorro solomon sondra sonja sonny \
    sonya sophie stacey stan stanford stacie starla stella stephan stephon sterling susana susanna susie \
    suzette sybil sydney tabitha talia tamara tameka tami tamika tamra tania tanisha tara tasha \
    tatyana tawny ted teddy terence teri terrance terrell terrence terrie tess tessa thad thaddeus \
    thalia thea theo theodora theron thiago thora thurman tia tiana tiara tierney tilly tilda timmy \
    tobias toby tomas tommie tonia tonya tori tracey tracie trent trenton trevor trey tricia trina trish \
    trisha trista tristan trudy turner twila tyra tyree tyrell tyrone tyson ulysses uma valarie \
    valentin valeria vanna velma vergie verna vernice vernell vicente vicky victorina vidal vik vilma \
    vince viola virgil virgie virgilio vito vonda wade walt waylon wendell wendy werner wes weston wilda \
    wiley wilfred wilfredo wilhelmina willa willard winifred winnie winona winston woodrow wyatt xander \
    xavier xochitl yadira yannick yasmeen yesenia yolonda yosef yvette yuliana zachariah zachery zack \
    zander zane zara zayd zelda zelma zena zion zita zora aarav aditi aditya akash alok ananya aparna \
    arvind ayesha bhavna devika farhan gaurav gopal harish imran indira ishaan jaya jyoti karthik kiran \
    lalita madhu mahesh manish manoj mohan mukesh nandini naveen nikhil padma pankaj parvati prakash \
    pradeep prasad priyanka radha raghav rajesh rakesh ranjit rashmi ritu rohit rupa sachin sameer \
    sandeep sarita shanti shilpa shyam siddharth smita sneha srinivas subhash sudha sunil suman swati \
    tanvi tarun uday usha varun vikram vinod vishal yash baljit gurpreet harjit jaspreet manpreet simran \
    sukhdeep abdullah adel anwar asad bilal dalia fadi faris fatma ghada habib hadi hala hamza hanan \
    huda hussam iman jamila karima khadijah latifa maha mahmud malak marwan maryam mounir nabil nada \
    nawal rami rashid reem saad safiya sami samir samira shadi tarek tariq waleed wafa yara yasmine \
    yousef zaid ziad adeola adwoa afua ayo bola chiamaka chike chioma dayo ebele ekene enitan femi funmi \
    gbenga ifeanyi kemi kojo kweku mandla mbali naledi nkechi nneka obi olu ololade segun sibongile \
    simisola temi thandi tiwa tolu uche yaa yaw zanele chau diep dung huyen khanh kieu ngoc nhung phuc \
    phuong quoc thao thuy trinh tuyet xuan aiko akiko asami ayumi chie daichi eiji fumiko haruka hideo \
    hiroko hiromi isamu junko kaori katsuo kazuo kimiko koji kumiko makoto mariko masako masaru minoru \
    misaki miyuki nobuko noriko osamu reiko rie ryo sachiko saori shigeru shinji shizuko sumiko tadashi \
    tomoko toshio yasuo yoshiko yumi yuko eunji haeun hyejin jaehyun jieun jimin jina jisoo junho kyung \
    minji minsu seojin seungho soojin sunghee sungmin yeji youngho yuna agata aleksander aleksandra \
    alicja bartosz bogdan bozena czeslaw danuta dariusz dorota elzbieta ewelina grazyna grzegorz halina \
    hanna iwona jadwiga jacek janusz jaroslaw jerzy joanna jolanta kamil karolina kazimierz kinga leszek \
    lukasz maciej magda marek mariusz michal miroslaw monika przemyslaw rafal ryszard slawomir stanislaw \
    tadeusz urszula wieslaw wlodzimierz wojciech zbigniew zdzislaw zuzanna oksana taras bohdan \
    lyudmila lesya olena yulia viktor stepan semyon pyotr pavel oleg maksim leonid larisa kirill inna \
    gennady fyodor evgeny arkady anatoly aina alba alvaro amparo anselmo asuncion aurelia baltasar belen \
    benito bernarda candelaria catarina clemente concepcion dario delfina eleuterio encarnacion engracia \
    eusebio evaristo fabiola faustino federico felicidad fermin fidelia florentino fortunato gaspar \
    gonzalo guido herminia ignacio ignatius inmaculada isidro jacinto jacobo joaquin julieta lazaro \
    leocadia leoncio macarena marcelino mariano matilde maximo modesto noemi olegario paco pascual \
    petrona primitivo raimundo reynalda rigoberta rosendo rufino sabino salome saturnino serafina \
    severino silverio teodoro teofilo tomasa trinidad ubaldo urbano vicenta visitacion wenceslao \
    zacarias zoraida alf bjarne espen gunnar hakon hanne johannes jorgen karin knut kristian lasse leif \
    magnus marit mikkel oddvar petter ragnar rolf signe sigurd solveig sverre tormod trond ulf unni \
    vegard vidar jens aoife ciara cormac darragh deirdre dermot eamon eilish eoin fergus finbar \
    fintan grainne maeve malachy niamh nuala oisin orla padraig roisin ronan seamus sinead sorcha tadhg \
    angharad bronwen carys ceri dafydd eirlys emyr gareth geraint gwyneth huw ieuan ifan iolo lowri \
    nerys owain rhian rhodri sian tegwen alasdair catriona gregor iain isla morag murdo ruaridh shona \
    struan beatrix";

/// More last names, of more countries.
pub(super) const MORE_LAST: &str = "acevedo acosta adkins aguirre akhtar amaya anand andrade arellano arias arroyo ashby atkins atkinson \
    avila ayala bahl baldwin ballard barber barker barlow barnett barr barrera barron bartlett bates \
    bauer beard beasley beck becker beltran benson berger bernstein blackburn blackwell blair blanchard \
    blankenship bolton bonner bonilla booker bowen bowers boyle bradshaw brandt brennan brewer briggs \
    britt brock browning buchanan buckley burch burgess burnett byrd byrne cabrera calderon caldwell \
    calhoun callahan camacho cantrell cantu cardenas carey carrillo castaneda cervantes chandler chaney \
    christensen clarke clements cline cochran cohen combs compton conley conner conrad conway cooke \
    copeland cortez cote cowan cox crosby cummings daugherty davenport davidson decker delacruz deleon \
    dickerson dickson dillard dillon dodson donaldson dorsey dotson dougherty doyle dudley duffy duran \
    durham eaton edgerton ellison emerson erickson ewing farrell faulkner ferrell figueroa fitzpatrick \
    fleming fletcher franco frank franks frazier fry fuentes gaines gallagher gallegos galloway garrison \
    gill gillespie gilliam gilmore glover goldberg goldstein goodman goodwin griffith guidry guthrie \
    hahn hale hall hampton hancock hardin harding harmon harrell harrington hart hartman hebert hensley \
    hess hester hewitt hickman higgins hines hinton hobbs hodge hodges hogan holcomb holden holland \
    holloway holman holt hooper hoover hopkins horne horton howe hubbard huber huffman humphrey hurley \
    hutchinson hyde ingram irwin jacobson jarvis jefferson jennings johns joyner juarez kane kaufman \
    keller kemp kerr kinney kirby kirkland klein kline knowles knox koch kramer lancaster landry langley \
    leblanc levine levy livingston lowe lyons maddox malone manning mathews mathis mayer mcbride mccall \
    mccarty mcclain mcclure mcconnell mccormick mccray mccullough mcdaniel mcdowell mcfadden mcfarland \
    mcgee mcgowan mcguire mcintosh mcintyre mckay mckee mckinney mcknight mclaughlin mclean mcleod \
    mcmahon mcmillan mcneil mcpherson melendez melton mercado mercer merritt meyers middleton molina \
    montoya mooney moran morin morrow morse mosley mullen mullins navarro newman nicholson ochoa oconnor \
    odonnell oneal oneil osborn osborne pacheco parrish parsons pearson pennington petersen pickett \
    pittman pollard prater pratt pruitt puckett rasmussen ratliff reeves reilly richmond rivas robbins \
    roberson roberts robles rocha rodgers rodriquez rosales roth rowe rowland rutledge salas salinas \
    sampson santana sargent saunders sawyer schmitt schroeder schwartz serrano shaffer sharpe shelton \
    shepard shepherd sheppard sims slater snider solis sosa spence stafford stanton steele stein \
    stephenson stevenson stokes strickland suarez sutton sweeney tanner tate thornton townsend trevino \
    trujillo underwood valencia valentine valenzuela vang vaughan vazquez velasquez velazquez velez \
    villarreal vinson waller walters walton weiss whitaker whitehead whitfield whitley wiggins wilcox \
    wilkerson wilkins wilkinson wolfe woodard woodward wooten workman wright yates zamora zimmerman \
    agarwal ahmad ansari arora bajwa bansal bhatia bhatt bhattacharya bose chaudhary chaudhry chauhan \
    das deshmukh dhillon dutta gandhi garg ghosh grewal iqbal jain jha kaur khatri krishnamurthy \
    kulkarni kumari malhotra mathur menon mishra mistry murthy naidu nandi narayan nath ojha pandey \
    pandya parikh parmar pathak patil pillai puri rajan ramachandran raman rana randhawa rastogi saini \
    sandhu saxena sen sethi sidhu sinha sodhi srinivasan subramaniam tandon thakur tiwari trivedi varma \
    verma vyas yadav abbas abdi abdullahi bakr bashir farooq ghani hadid hamdan hamid hashemi ismail \
    jaber kassem khalil mirza mohamed mohammadi mostafa nasr osman salem sharif suleiman warsame zaman \
    abara abiodun achebe adeleke afolabi agyeman akande akpan amadi amoah ansah appiah asamoah ayodele \
    baah balogun bello boakye chukwu danso eze gyasi ibe igwe iwu kipchoge kwarteng lawal mbeki mokoena \
    molefe mutua mwai ncube ndiaye ngugi njoroge nkosi obasi odhiambo ofori ogunleye ojo okeke okoro \
    okoye oladipo olawale onyango opoku osei sarpong sesay sithole tshabalala uzoma \
    wambui zulu zuma bautista choe dang dinh doan duong fung gao guo hau hsu hwang jeong jin kao kuo \
    kwan kwok kwon lau lin luo luong mao ngo nakagawa nakajima nishimura ogawa okada pei peng phan qian \
    saito sasaki shen shi shimizu tian truong tsai tsang tse wen xie xiong yamada yan yao yeh yip yoo \
    yuan yun zeng zheng zhong zou andersen bakker berglund bergstrom carlsson christiansen dekker \
    eriksson forsberg friedrich gustafsson haas haugen hoffmann jansen jansson jonsson jorgensen \
    karlsson koenig kuhn lehmann lindberg lindgren lorenz magnusson maier meier meijer nilsson nyberg \
    olsson pettersson pfeiffer richter sandberg schafer scholz schroder schubert schuster schwarz \
    sjoberg smit solberg sorensen svendsen visser vogel vries winkler wolff ziegler bernardi caruso \
    castellano coppola deluca ferraro ferri fontana gatti giordano lombardi longo mancini mariani marini \
    marino martinelli moretti parisi pellegrini rinaldi rizzo salucci santoro serra silvestri valentini \
    vitale boucher boudreaux bouchard chevalier cloutier fontaine fontenot fortin gagne gagnon garnier \
    gauthier guerin lacroix lavoie leclerc lefevre legrand lemoine levesque martel mercier michaud morel \
    nadeau ouellette paquette pelletier perrin poirier roussel simard thibault tremblay baranowski \
    czerwinski dabrowski dudek duda gorski grabowski jablonski jankowski kaczmarek kozlowski krawczyk \
    krol kubiak majewski malinowski mazur michalski olszewski pawlak pawlowski piotrowski rutkowski \
    sikora sobczak stepien szymanski walczak wieczorek witkowski wozniak wrobel zajac zalewski \
    kovalenko shevchenko bondarenko tkachenko melnyk petrenko kravchenko petrova ivanova orlov pavlov \
    romanov fedorov morozov novikov kozlov lebedev antonov novak horvat svoboda dvorak kovac petrovic \
    jovanovic nikolic markovic popescu ionescu dimitrov papadopoulos georgiou stavros aguilera alonso \
    alves araujo barbosa batista bermudez bustamante caballero cardoso carrasco castellanos cisneros \
    correa cuevas delarosa dias duarte escobar esparza espinosa farias fonseca gallardo galvan \
    gamez giraldo gomes granados guevara hidalgo huerta hurtado ibarra iglesias jaramillo lima lopes \
    lugo machado macias madrigal magana marin martins meza monteiro montes moya murillo najera neves \
    nogueira nunes olivares orozco osorio palacios paredes parra pineda pinto ponce portillo quezada \
    quinones quintana quintero quiroz rangel razo rendon resendez ribeiro rincon robledo rosado rubio \
    saavedra saenz salcedo salgado segura sepulveda soares solano soria sousa tapia teixeira tejada \
    tellez tovar uribe urrutia vaca valadez valdes varela vasconcelos vieira villalobos villanueva \
    villegas zapata zavala zelaya zepeda zuniga ybarra ainsworth alderson appleby ashworth \
    atherton attwood bagshaw bainbridge barnsley bickerton birtwistle boothroyd braithwaite \
    brierley broadbent burnley calloway carmichael chadwick cholmondeley clegg cockburn colquhoun conroy \
    coulson crabtree cuthbert dalrymple delaney denholm devlin dewhurst dinsmore donnelly doherty \
    drummond dunlop eastwood entwistle fairclough fairweather falconer farquhar \
    featherstone fenwick finnegan fothergill fraser gallacher galbraith garside gilchrist gillies \
     goldsmith grantham greenhalgh hadley haig hargreaves hathaway haversham hawthorne heaton \
    hepburn higginbotham hinchcliffe hollingsworth holyoake horrocks huddleston hutchins innes \
    kearney keane kenyon kilpatrick kinsella laidlaw leary lightfoot lockhart lockwood \
    lomax longbottom lonsdale ludlow mcallister mackay mackenzie maclean macleod maguire mahoney \
     mcdermott mcgrath mcnally mcnamara merriweather molyneux montague mulligan \
    nesbitt norwood oakes ogden orme ormerod pemberton pendleton penrose pettigrew pickering plunkett \
    prendergast prescott quigley radcliffe ramsbottom rafferty redmond renshaw rigby rollins rosenbaum \
    rosenberg rosenthal rothwell rutherford scanlon shackleton shaughnessy sheehan sinclair smythe \
    standish stirling stroud sutcliffe sutherland swindon templeton thorne thornhill \
    thwaites trelawney tuttle underhill vandermeer wadsworth wainwright warburton wetherby \
    wharton whelan whittaker whittle wickham winslow winterbottom woodhouse wolstenholme worthington \
    wycliffe yardley feldman finkelstein friedman greenberg horowitz kaplan katz \
    lieberman rabinowitz rubin shapiro silverman weinberg weinstein zuckerman";
